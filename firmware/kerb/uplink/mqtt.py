"""MQTT 3.1.1 over Wi-Fi as an uplink: when to connect, when to try again, what to tell the outbox.

A frame is either receipted by the broker's PUBACK or stays with the outbox; a frame sent twice carries DUP and its first packet
id. The broker does not hand DUP on to its subscribers, so `send` also takes the frame to repeat with, which can say in itself that
it is a repeat.
"""

from struct import pack, unpack

from micropython import const

from kerb import log
from kerb.clock import mono_ms
from kerb.errors import UplinkError
from kerb.uplink import sntp
from kerb.uplink.mqtt_session import MTU, Session
from kerb.uplink.receipt import Receipt
from kerb.uplink.wifi import Station

_FIRST_PAUSE_S = const(5)
_LAST_PAUSE_S = const(300)
_CLOCK_PAUSE_S = const(600)  # after a time server failed or refused: an alarm must not wait for it every time
_STATE = "<BHBII7s"  # version, packet id, failures, mono of the next attempt, mono of the next question for the time, access point
_STATE_BYTES = const(19)
_VERSION = const(2)
_SUBSCRIBED = const(0x80)  # beside the version


def _now_s():
    return mono_ms() // 1000


class Uplink:
    """`config`: broker, port, prefix ("kerb"), keepalive_s (900), link ("hold" or "burst"), ntp ("pool.ntp.org"), wifi_timeout_s
    (20), static_ip (None or [address, netmask, gateway, DNS]). `identity`: device_id, wifi_ssid, wifi_password, mqtt_user, mqtt_password.
    `tls`: "server", "mutual" or "psk" (kerb/uplink/secure.py), "off" without; `presence`, `session`: kerb/uplink/mqtt_session.py.
    `board` tells whether the RTC shows UTC, for certificates, and learns the time.

    "hold" keeps the connection while the node is awake, for commands within seconds; "burst" ends it in sleep().
    """

    mtu = MTU
    ANSWER_MS = 10000  # longest wait for anything the broker has to do

    def __init__(self, config, identity, board, store):
        self._hold = config.get("link", "hold") == "hold"
        self._ntp = config.get("ntp", "pool.ntp.org")
        self._wifi = Station(
            identity.get("wifi_ssid"), identity.get("wifi_password"), config.get("static_ip"), config.get("wifi_timeout_s", 20),
            config.get("keep_ap", False),
        )
        self._board = board
        self._secure = None
        if config.get("tls", "off") != "off":
            # Only where it is wanted: TLS takes its share of the heap.
            from kerb.uplink.secure import Secure

            self._secure = Secure(config["tls"], identity)
        self._session = Session(config, identity, self.ANSWER_MS, self._secure.wrap if self._secure else None)
        self._fault = None  # what the broker did wrong while we only listened
        self._failures = 0
        self._retry_at = 0  # mono s
        self._wants_time = False
        self._ask_at = 0  # mono s
        self.linger_ms = 0  # that receive() waits for a message; set while a bundle of an update is coming in

    def signal(self):
        """dBm of the access point, None without one."""
        return self._wifi.signal()

    def connect(self):
        """One bounded attempt. True when connected; False when Wi-Fi or broker are not there now, see `retry_after_s`.

        UplinkError when waiting will not help: a wrong password, a refusal, a server that does not speak MQTT.
        """
        self._look()
        if self._session.is_open:
            return True
        done = False
        try:
            fault, self._fault = self._fault, None
            if fault:
                raise fault
            if self._wifi.start():
                if self._secure and self._secure.needs_clock:
                    self._set_clock()
                self._session.open()
                done = True
        except OSError:
            pass  # the pause below is the answer
        finally:
            if not done:
                self._session.close()
                self._pause()
        if done:
            self._failures = self._retry_at = 0
        return done

    def _set_clock(self):
        """A certificate has dates: without the time of day nobody can say whether it is valid."""
        if self._board.show_utc():
            return
        self._wants_time = True
        got = self.take_time()
        if got:
            self._board.learn_time(got)
        if not self._board.show_utc():
            raise UplinkError("a certificate cannot be checked before the clock is set, and %s gives no time: check ntp" % self._ntp)

    def retry_after_s(self):
        """Seconds until the next attempt makes sense: 5, 10, 20 .. 300 after failures in a row, 0 when connected."""
        return max(self._retry_at - _now_s(), 0)

    def _pause(self):
        pause = min(_FIRST_PAUSE_S << min(self._failures, 6), _LAST_PAUSE_S)
        self._failures = min(self._failures + 1, 255)
        self._retry_at = _now_s() + pause

    def _look(self, wait_ms=0):
        """Takes what has come, or what comes within `wait_ms`. A connection that is lost, or not worth keeping, is closed."""
        if not self._session.is_open:
            return
        try:
            if self._wifi.is_up:
                self._session.look(wait_ms)
                return
        except OSError:
            pass  # lost
        except UplinkError as error:
            self._fault = error
        self._session.close()

    def send(self, frame, priority, confirmed, again=None):
        """A Receipt once the broker has the frame (QoS 1 whatever `priority` and `confirmed`); None when that is not known.

        A lost connection is made once more and the frame repeated with DUP: as `again` if given, which may be coded as a repeat,
        else as it was. UplinkError when the broker refuses or breaks MQTT; the frame may have arrived then, as it may after None.
        """
        if len(frame) > MTU:
            raise UplinkError("frame of %d bytes exceeds the %d of this uplink: report fewer channels" % (len(frame), MTU))
        session = self._session
        if not session.is_open and (self.retry_after_s() or not self.connect()):
            return None
        packet_id = session.next_id()
        for dup in (False, True):
            if dup:
                frame = again or frame
                if not self.connect():
                    break
            try:
                left_at = _now_s()
                session.publish(frame, packet_id, dup)
                return Receipt(True, left_at)
            except OSError:
                session.close()
            except UplinkError:
                session.close()
                raise
        return None

    def receive(self):
        """The oldest command as (topic, bytes), or None; waits `linger_ms` for it. What the broker did wrong, connect() tells."""
        linger, self.linger_ms = self.linger_ms, 0
        self._look(linger)
        got = self._take()
        if got is None and linger and self._wifi.is_up and not self._session.is_open:
            # We parted: more came at once than there was room for. Nobody waits for a receipt now, so this time it comes as we read it.
            try:
                if self.connect():
                    self._look(linger)
                    got = self._take()
            except UplinkError as error:
                self._fault = error
        return got

    def _take(self):
        try:
            return self._session.take()
        except OSError:
            self._session.close()
            return None

    def ask_time(self):
        """Wants the time; `take_time` puts the question when Wi-Fi is up."""
        self._wants_time = True

    def take_time(self):
        """(utc s, ms, tick) or None. One question an ask_time(), at most 3 s; none for 10 minutes after one that failed."""
        now = _now_s()
        if not self._wants_time or now < self._ask_at or not self._wifi.is_up:
            return None
        self._wants_time = False
        got = None
        try:
            got = sntp.ask(self._ntp)
        except UplinkError as error:
            log.event("note", error)
        self._ask_at = 0 if got else now + _CLOCK_PAUSE_S
        return got

    def sleep(self):
        """With link "burst": says goodbye and switches Wi-Fi off. With "hold": stays, for as long as the node keeps its RAM."""
        if not self._hold:
            self._session.leave()
            self._wifi.stop()

    def pack(self):
        """What deep sleep must not lose: the packet id, the pauses and the access point."""
        session = self._session
        version = _VERSION | (_SUBSCRIBED if session.subscribed else 0)
        return pack(_STATE, version, session.packet_id, self._failures, self._retry_at, self._ask_at, self._wifi.seen)

    def unpack(self, data):
        session = self._session
        if len(data) == _STATE_BYTES and data[0] & ~_SUBSCRIBED == _VERSION:
            version, session.packet_id, self._failures, self._retry_at, self._ask_at, seen = unpack(_STATE, data)
            self._wifi.seen = seen if any(seen) else b""
            session.subscribed = bool(version & _SUBSCRIBED)
