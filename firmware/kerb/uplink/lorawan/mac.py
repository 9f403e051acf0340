"""The class A procedure (LoRaWAN 1.0.4 sections 3 to 5): an uplink and its two receive windows, timed from its end with the clock error
that downlinks tell; what goes into a frame, its repetitions, what a downlink changes.

Nothing slow happens between an uplink and its last window, no output, and flash is written before or after.
"""

import time

from micropython import const

from kerb.radio.airtime import symbol_us, time_on_air_us

from . import adr, commands, frames
from .crypto import random_below

_OVERHEAD = const(13)  # MHDR, FHDR, FPort, MIC around an application payload
_FOPTS = const(15)
_ACK = const(0x20)  # bits of FCtrl
_PENDING = const(0x10)
_NARROW = const(51)  # a rate that carries less (US915 DR0, the slowest under a dwell limit) gives way to the next one
_QUEUE = const(4)  # downlinks kept until the application takes them
_LATE_MS = const(5)  # a light sleep may end this late
_PREAMBLE_MIN = const(6)  # symbols a receiver needs to lock; the usual figure of LoRaWAN end-device stacks
_HEADER = const(32)  # symbols: preamble, sync word and header with room, after which the chip stops its timer
_LONGEST = const(248)  # symbols a radio of the SX126x family can count
_DOUBLINGS = const(4)  # a window is widened to 16 times its first error at most
_SMALL_US = const(1000)  # a downlink this near to its time says nothing new of the clock


class Exchange:
    """`radio`: a driver such as kerb.radio.sx1262, set before the first run. `board` offers `idle_ms(ms)` (sleeps lightly where the
    port can) and `mono()` (whole seconds since power-on, running on through deep sleep).

    After run(): `done_ms` is the tick the uplink ended at, `snr` (dB) that of the last frame heard, `rssi` (dBm) that of the last answer
    in the first window, or None: gateways send with another power in the second.
    """

    def __init__(self, region, board, config):
        self.region = region
        self.board = board
        self.radio = None
        self.error_us = config.get("rx_error_ms", 10) * 1000
        self.gain_dbi = int(config.get("radio", {}).get("antenna_gain_dbi", 0) + 0.99)  # rounded up: never above the limit
        self.done_ms = self.snr = 0
        self.rssi = None

    def air_us(self, size, dr):
        """Time on air of a frame of `size` bytes."""
        row = self.region.rates[dr]
        return time_on_air_us(size, row[0], row[1])

    def run(self, session, phy, channel, dr, delay, accept):
        """Sends `phy`, then listens in both windows, the first after `delay` seconds, until `accept(data)` is true; returns whether it
        was. `channel` as in Region.defaults."""
        rx1 = self.region.rx1(dr, session.rx1_offset, session.dwell)
        try:
            done = self.transmit(session, phy, channel[0], dr)
            self.radio.sleep()
            if self.listen(session, done, delay, channel[1], rx1, accept):
                return True
            heard = self.listen(session, done, delay + 1, session.rx2_hz, session.rx2_dr, accept)
            if heard:
                self.rssi = None
            return heard
        finally:
            self.radio.sleep()

    def transmit(self, session, phy, hz, dr):
        """Sends `phy`; the tick (us) of its end."""
        region, radio = self.region, self.radio
        row = region.rates[dr]
        if region.listen_before_talk:
            from .carrier import await_silence

            await_silence(self, hz, row)
        region.spend(session, hz, self.air_us(len(phy), dr), self.board.mono())
        radio.configure_tx(hz, row, region.eirp_dbm(session.power, session.max_eirp, hz) - self.gain_dbi)
        done = radio.transmit(phy)
        self.done_ms = time.ticks_add(time.ticks_ms(), -(time.ticks_diff(time.ticks_us(), done) // 1000))
        return done

    def listen(self, session, done, delay, hz, dr, accept):
        """One window. What its downlink says of the clock goes into the session."""
        row = self.region.rates[dr]
        if not row[0]:
            return False  # no window at a rate the radio does not know
        error_us = self.error_us << session.doubt
        symbols, offset, timeout_ms = window(row[0], row[1], error_us)
        opens = time.ticks_add(done, delay * (1000000 + session.slip) + offset)
        early = time.ticks_diff(opens, time.ticks_us()) // 1000 - self.radio.wake_ms - _LATE_MS
        if early < -timeout_ms:
            return False  # a foreign packet in the first window lasted beyond this one
        if early > 0:
            self.board.idle_ms(early)
        heard = self.radio.receive(hz, row, symbols, timeout_ms, True, opens)
        if not heard:
            return False
        self.snr = heard[2]
        if not accept(heard[0]):
            return False
        self.rssi = heard[1]
        session.doubt = 0
        for crc in (False, True):  # a downlink has none, but for some servers
            took_ms = delay * 1000 + time_on_air_us(len(heard[0]), row[0], row[1], 1, 8, True, crc) // 1000
            late = time.ticks_diff(heard[3], done) - took_ms * 1000
            off = abs(late - took_ms * session.slip // 1000)
            if off < error_us:
                if off > _SMALL_US:
                    session.slip = late * 1000 // took_ms
                break
        return True

    def missed(self, session):
        """An answer that was due did not come: the next windows are twice as wide, for it may be the clock."""
        session.doubt = min(session.doubt + 1, _DOUBLINGS)


def window(sf, bw_hz, error_us):
    """When to open a receive window and how long to wait for a preamble: (symbols, offset_us, timeout_ms).

    Both sides count from the end of the uplink, each with its own clock error. The window therefore opens early enough and lasts
    long enough that at least `_PREAMBLE_MIN` symbols of the downlink's eight fall inside it.

    `symbols` is the search length, `offset_us` the opening relative to the nominal start (mostly negative), `timeout_ms` the end
    of a search that met a false preamble. `error_us` is the largest clock error of both sides, either direction.
    """
    symbol = symbol_us(sf, bw_hz)
    spread = (2 * _PREAMBLE_MIN - 8) * symbol + 2 * error_us
    symbols = min(max((spread + symbol - 1) // symbol, _PREAMBLE_MIN), _LONGEST)
    offset = 4 * symbol - symbols * symbol // 2
    return symbols, offset, (symbols + _HEADER) * symbol // 1000 + 1


class Mac:
    """One device in one region. `session` is its state, `inbox` a list of (port, bytes), `pending` the network has more to say,
    `network_time` (GPS seconds, 1/256 s, ticks_ms it was true at) or None. `asks`: a set of CIDs, requests for the next uplink
    with room."""

    def __init__(self, region, session, vault, exchange, adr_enabled):
        self.region = region
        self.session = session
        self.vault = vault
        self.exchange = exchange
        self.link = commands.Link()
        self.link.adr = adr_enabled
        self.asks = set()
        self.pending = False
        self.inbox = []
        self.network_time = None
        self._refused = (0, 0)  # time on air and priority of the frame last offered
        self._acked = self._heard = False

    def wait_s(self):
        """Seconds until the frame last offered may leave."""
        return min([wait for wait, _ in self.region.waits(self.session, self.exchange.board.mono(), *self._refused)])

    def _room(self):
        return self.region.max_payload(self.session.dr, self.session.dwell)

    def _wider(self):
        """Payload of the next faster rate where the present one is narrow, else 0. Without it a node that joined at such a rate
        could never say enough to be given another."""
        session = self.session
        if self._room() >= _NARROW or not self.region.carries(session, session.mask, session.dr + 1):
            return 0
        return self.region.max_payload(session.dr + 1, session.dwell)

    def mtu(self):
        """Bytes of application payload one frame may carry now."""
        extra = len(self.session.answers) + len(self.asks)
        return max(self._room(), self._wider()) - (extra if extra <= _FOPTS else 0)

    def send(self, port, payload, confirmed, priority):
        """Sends one frame; port None: one without payload. None when it may not leave now, else whether it was acknowledged.

        MAC answers that do not fit beside it leave first, in a frame of their own on port 0.
        """
        session = self.session
        answers = session.answers
        size = len(payload)
        if size > self._room() and self._wider():
            session.dr += 1
        room = self._room()
        crowded = answers and (len(answers) > _FOPTS or size + len(answers) > room)
        if crowded and self._frame(0, answers[: commands.fitting(answers, room)], b"", False, priority) is None:
            return None
        room = min(self._room() - size, _FOPTS)
        if room < 0:
            return None  # the network lowered the rate meanwhile: look at mtu again
        fopts = bytes(session.answers[: commands.fitting(session.answers, room)])
        asked = self.asks
        if len(fopts) + len(asked) > room:
            return self._frame(port, payload, fopts, confirmed, priority)
        self.link.asked = asked
        acked = self._frame(port, payload, fopts, confirmed, priority, bytes(sorted(asked)))
        self.link.asked = ()
        if acked is not None:
            self.asks = set()
        return acked

    def _frame(self, port, payload, fopts, confirmed, priority, asked=b""):
        session, region, link, exchange = self.session, self.region, self.link, self.exchange
        dr = session.dr
        air_us = exchange.air_us(_OVERHEAD + len(payload) + len(fopts) + len(asked), dr)
        self._refused = (air_us, priority)
        channel = region.choose(session, exchange.board.mono(), air_us, priority)
        if channel is None:
            return None
        self.vault.reserve(session)
        control = adr.control_bits(session, region, link.adr) | (_ACK if session.ack_due else 0)
        phy = frames.data_up(session.keys, session.dev_addr, session.fcnt_up, control, fopts + asked, port, payload, confirmed)
        session.fcnt_up += 1  # from here on this counter is spent, whatever happens to the frame
        session.ack_due = 0
        sent = len(fopts) if port != 0 else len(payload)
        session.answers = commands.sticky(session.answers[:sent]) + session.answers[sent:]
        self._acked = self._heard = link.changed = False
        try:
            for trial in range(session.nb_trans):
                if trial:
                    exchange.board.idle_ms(1000 + random_below(2000))  # RETRANSMIT_TIMEOUT, RP002-1.0.3 section 2.3
                    channel = region.choose(session, exchange.board.mono(), air_us, priority)
                    if channel is None or session.dr != dr:
                        break
                heard = exchange.run(session, phy, channel, dr, session.rx_delay, self._take)
                if self._acked or (heard and not confirmed):
                    break
        finally:
            if not self._heard:
                if confirmed:
                    exchange.missed(session)
                if adr.advance(session, region, link.adr, confirmed):
                    link.changed = True
        if self._heard:
            self.vault.save_counters(session, session.lease)
        if link.changed:
            self.vault.save(session)
        return self._acked

    def _take(self, data):
        """Takes a downlink of one of the two windows after an uplink; whether it was one for this device."""
        session, link = self.session, self.link
        if not self.take(data):
            return False
        self._heard = True
        session.adr_count = 0
        if link.gps:
            self.network_time = link.gps + (self.exchange.done_ms,)
        return True

    def take(self, data, answered=True):
        """Takes a downlink; `answered`: it came in a window after an uplink, which settles the answers that were repeated until then."""
        session, link = self.session, self.link
        down = frames.data_down(session.keys, session.dev_addr, session.fcnt_down, data)
        if down is None:
            return False
        wants_ack, control, fcnt, fopts, port, payload = down
        session.fcnt_down = fcnt + 1
        if answered:
            session.answers = bytearray()
        self.pending = bool(control & _PENDING)
        if control & _ACK:
            self._acked = True
        session.ack_due |= wants_ack
        link.snr = self.exchange.snr
        link.gps = None
        commands.process(session, self.region, link, payload if port == 0 else fopts)
        if port:
            self.deliver(port, payload)
        return True

    def deliver(self, port, payload):
        """Puts a message into the inbox; the oldest gives way."""
        self.inbox = self.inbox[1 - _QUEUE :]
        self.inbox.append((port, payload))
