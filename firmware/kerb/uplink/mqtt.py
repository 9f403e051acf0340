"""MQTT 3.1.1 over Wi-Fi as an uplink: QoS 1 and a session the broker keeps.

Frames go to `<prefix>/<device id>/up`, commands come on `<prefix>/<device id>/down`. A frame is either receipted by the broker's
PUBACK or stays with the outbox; a frame sent twice carries DUP and its first packet id. The broker does not hand DUP on to its
subscribers, so `send` also takes the frame to repeat with, which can say in itself that it is a repeat.
A command is acknowledged when it is taken, so one that was not taken before sleep comes again. Commands come at least once.
"""

import errno
from struct import pack, unpack
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from kerb import log
from kerb.clock import mono_ms
from kerb.errors import ConfigError, UplinkError
from kerb.uplink import mqtt_packets as packets
from kerb.uplink import sntp
from kerb.uplink.mqtt_link import Link
from kerb.uplink.receipt import Receipt
from kerb.uplink.wifi import Station

_MTU = const(512)
_OVERHEAD = const(160)  # fixed header, topic and packet id; or the fields of CONNECT
_COMMANDS = const(8)  # kept in RAM until taken
_LOOK_MAX = const(20)  # packets taken in one look, however many a server sends
_FIRST_PAUSE_S = const(5)
_LAST_PAUSE_S = const(300)
_CLOCK_PAUSE_S = const(600)  # after a time server failed or refused: an alarm must not wait for it every time
_STATE = "<BHBII"  # version, packet id, failures, mono of the next attempt, mono of the next question for the time
_STATE_BYTES = const(12)
_VERSION = const(1)


class Uplink:
    """`config`: broker, port (1883), prefix ("kerb"), keepalive_s (900), link ("hold" or "burst"), ntp ("pool.ntp.org"), wifi_timeout_s
    (20), static_ip (None or [address, netmask, gateway, DNS]). `identity`: device_id, wifi_ssid, wifi_password, mqtt_user, mqtt_password.
    `wrap(sock, host)` puts TLS around the connection.

    "hold" keeps the connection while the node is awake, for commands within seconds; "burst" ends it in sleep().
    """

    mtu = _MTU
    ANSWER_MS = 10000  # longest wait for anything the broker has to do

    def __init__(self, config, identity, board, store, wrap=None):
        if config.get("tls") and not wrap:
            raise ConfigError("uplink key tls is set, but this firmware has no TLS: remove the key or update the firmware")
        device = identity.get("device_id")
        if not device:
            raise ConfigError("identity has no device_id: provision the device")
        self._identity = identity
        self._device = device.encode()
        base = "%s/%s/" % (config.get("prefix", "kerb"), device)
        self._up = (base + "up").encode()
        self._down = (base + "down").encode()
        self._broker = config["broker"]
        self._port = config.get("port", 1883)
        self._keepalive_s = config.get("keepalive_s", 900)
        self._hold = config.get("link", "hold") == "hold"
        self._ntp = config.get("ntp", "pool.ntp.org")
        self._wifi = Station(
            identity.get("wifi_ssid"), identity.get("wifi_password"), config.get("static_ip"), config.get("wifi_timeout_s", 20)
        )
        self._link = Link(_MTU + _OVERHEAD, self.ANSWER_MS, wrap)
        self._tx = bytearray(_MTU + _OVERHEAD)
        self._commands = []  # (packet id, payload)
        self._overflow = False  # the broker holds commands that found no room here
        self._subscribed = False
        self._pinged_at = None
        self._wants_time = False
        self._packet_id = 0
        self._failures = 0
        self._retry_at = 0  # mono s
        self._ask_at = 0  # mono s
        self._fault = None  # what the broker did wrong while we only listened

    # -- the connection -----------------------------------------------------------------------------------

    def connect(self):
        """One bounded attempt. True when connected; False when Wi-Fi or broker are not there now, see `retry_after_s`.

        UplinkError when waiting will not help: a wrong password, a refusal, a server that does not speak MQTT.
        """
        self._look()
        if self._link.is_open:
            return True
        fault = self._fault
        if fault:
            self._fault = None
            self._pause()
            raise fault
        done = False
        try:
            if self._wifi.start():
                self._link.open(self._broker, self._port)
                self._greet()
                done = True
        except OSError:
            pass  # the pause below is the answer
        finally:
            if not done:
                self._drop()
                self._pause()
        if done:
            self._failures = self._retry_at = 0
        return done

    def retry_after_s(self):
        """Seconds until the next attempt makes sense: 5, 10, 20 .. 300 after failures in a row, 0 when connected."""
        return max(self._retry_at - mono_ms() // 1000, 0)

    def _pause(self):
        pause = min(_FIRST_PAUSE_S << min(self._failures, 6), _LAST_PAUSE_S)
        self._failures = min(self._failures + 1, 255)
        self._retry_at = mono_ms() // 1000 + pause

    def _greet(self):
        """CONNECT, and SUBSCRIBE unless the broker is known to have kept it."""
        user = self._identity.get("mqtt_user")
        password = self._identity.get("mqtt_password")
        self._write(
            packets.connect(
                self._tx, self._device, user.encode() if user else None, password.encode() if password else None, self._keepalive_s
            )
        )
        answer = self._await(packets.CONNACK, 0)
        if answer.code == 3:
            raise OSError(errno.ECONNREFUSED)
        if answer.code:
            raise UplinkError("broker %s %s" % (self._broker, packets.REFUSALS.get(answer.code, "refuses without a reason MQTT 3.1.1 has")))
        if answer.present and self._subscribed:
            return
        self._write(packets.subscribe(self._tx, self._down, self._next_id()))
        # SUBACK is not waited for: it costs a round trip, and a broker may hold it back until its stored commands are acknowledged.

    def _drop(self):
        """Forgets the connection; what was not acknowledged the broker sends again."""
        self._link.close()
        self._commands = [c for c in self._commands if not c[0]]
        self._overflow = False
        self._pinged_at = None

    def _write(self, size):
        self._link.write(self._tx, size)

    def _next_id(self):
        self._packet_id = self._packet_id % 65535 + 1
        return self._packet_id

    # -- packets from the broker --------------------------------------------------------------------------

    def _await(self, kind, packet_id):
        """The answer of this kind and id; whatever else comes meanwhile is dealt with. OSError when it does not come in time."""
        end = ticks_add(ticks_ms(), self.ANSWER_MS)
        while True:
            left = ticks_diff(end, ticks_ms())
            if left <= 0:
                raise OSError(errno.ETIMEDOUT)
            packet = self._link.read(left)
            if packet and packet.kind == kind and packet.packet_id == packet_id:
                return packet
            if packet:
                self._sort(packet)

    def _sort(self, packet):
        """A packet that nobody waits for."""
        if packet.kind == packets.PUBLISH:
            if packet.payload is None or packet.topic != self._down:
                # Too long or not ours: unless it is acknowledged, it comes back at every connection.
                if packet.packet_id:
                    self._write(packets.puback(self._tx, packet.packet_id))
            elif not self._overflow and len(self._commands) < _COMMANDS:
                self._commands.append((packet.packet_id, packet.payload))
            else:
                self._overflow = True  # and nothing after it, or commands would change places
        elif packet.kind == packets.PINGRESP:
            self._pinged_at = None
        elif packet.kind == packets.SUBACK:
            self._subscribed = packet.code <= 1
            if not self._subscribed:
                log.event("note", "broker %s refuses the subscription to commands: check the rights of this device" % self._broker)
        elif packet.kind != packets.PUBACK:
            raise UplinkError("broker %s sent an answer that nobody asked for (kind %d)" % (self._broker, packet.kind))

    def _look(self):
        """Takes what has come, without waiting, and shows the broker that we live. A lost connection is closed."""
        if not self._link.is_open:
            return
        if not self._wifi.is_up:
            self._drop()
            return
        try:
            for _ in range(_LOOK_MAX):
                # A command that finds no room stays in the buffers of TCP.
                packet = self._link.read(0) if len(self._commands) < _COMMANDS else None
                if packet is None:
                    break
                self._sort(packet)
            now = ticks_ms()
            if self._pinged_at is not None:
                if ticks_diff(now, self._pinged_at) > self.ANSWER_MS:
                    self._drop()
            elif ticks_diff(now, self._link.sent_at) > self._keepalive_s * 500:
                self._link.write(packets.PINGREQ, 2)
                self._pinged_at = now
        except OSError:
            self._drop()
        except UplinkError as error:
            self._fault = error
            self._drop()

    # -- the uplink ---------------------------------------------------------------------------------------

    def send(self, frame, priority, confirmed, again=None):
        """A Receipt once the broker has the frame (QoS 1 whatever `priority` and `confirmed`); None when that is not known.

        A lost connection is made once more and the frame repeated with DUP: as `again` if given, which may be coded as a repeat,
        else as it was. UplinkError when the broker refuses or breaks MQTT; the frame may have arrived then, as it may after None.
        """
        if len(frame) > _MTU:
            raise UplinkError("frame of %d bytes exceeds the %d of this uplink" % (len(frame), _MTU))
        if not self._link.is_open and (self.retry_after_s() or not self.connect()):
            return None
        packet_id = self._next_id()
        for dup in (False, True):
            if dup:
                frame = again or frame
                if not self.connect():
                    break
            try:
                mono = mono_ms() // 1000
                self._write(packets.publish(self._tx, self._up, frame, packet_id, dup))
                self._await(packets.PUBACK, packet_id)
                return Receipt(True, mono)
            except OSError:
                self._drop()
            except UplinkError:
                self._drop()
                raise
        return None

    def receive(self):
        """The oldest command as (topic, bytes), or None. Never waits for a command; what the broker did wrong, connect() tells."""
        self._look()
        if not self._commands:
            if self._overflow:
                self._drop()  # the broker sends the rest again when we come back
            return None
        packet_id, payload = self._commands.pop(0)
        if packet_id:
            try:
                self._write(packets.puback(self._tx, packet_id))
            except OSError:
                self._drop()
                return None  # the broker counts it as not delivered and sends it again
        return self._down.decode(), payload

    def ask_time(self):
        """Wants the time; `take_time` puts the question when Wi-Fi is up."""
        self._wants_time = True

    def take_time(self):
        """(utc s, ms, tick) or None. One question an ask_time(), at most 3 s; none for 10 minutes after one that failed."""
        mono = mono_ms() // 1000
        if not self._wants_time or mono < self._ask_at or not self._wifi.is_up:
            return None
        self._wants_time = False
        got = None
        try:
            got = sntp.ask(self._ntp)
        except UplinkError as error:
            log.event("note", error)
        self._ask_at = 0 if got else mono + _CLOCK_PAUSE_S
        return got

    def sleep(self):
        """With link "burst": says goodbye and switches Wi-Fi off. With "hold": stays, for as long as the node keeps its RAM."""
        if self._hold:
            return
        if self._link.is_open:
            try:
                self._link.write(packets.DISCONNECT, 2)
            except OSError:
                pass  # the broker finds out by itself
        self._drop()
        self._wifi.stop()

    def pack(self):
        """What deep sleep must not lose: the packet id and the pauses."""
        version = _VERSION | (0x80 if self._subscribed else 0)
        return pack(_STATE, version, self._packet_id, self._failures, self._retry_at, self._ask_at)

    def unpack(self, data):
        if len(data) == _STATE_BYTES and data[0] & 0x7F == _VERSION:
            version, self._packet_id, self._failures, self._retry_at, self._ask_at = unpack(_STATE, data)
            self._subscribed = bool(version & 0x80)
