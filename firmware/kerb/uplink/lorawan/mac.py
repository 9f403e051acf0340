"""The class A procedure (LoRaWAN 1.0.4 sections 3 to 5): an uplink and its two receive windows, timed from its end; what goes into a
frame, its repetitions, what a downlink changes.

Nothing slow happens between an uplink and its last window, no output, and flash is written before or after.
"""

import time

from micropython import const

from kerb.errors import UplinkError
from kerb.radio.airtime import symbol_us, time_on_air_us

from . import adr, commands, duty, frames
from .crypto import random_below

_OVERHEAD = const(13)  # MHDR, FHDR, FPort, MIC around an application payload
_FOPTS = const(15)
_NARROW = const(51)  # a rate that carries less (US915 DR0, the slowest under a dwell limit) gives way to the next one
_LISTENS = const(6)  # looks at a carrier others use, with growing pauses between: 1.6 s in the mean
_QUEUE = const(4)  # downlinks kept until the application takes them
_LATE_MS = const(5)  # a light sleep may end this late
_PREAMBLE_MIN = const(6)  # symbols a receiver needs to lock; the usual figure of LoRaWAN end-device stacks
_HEADER = const(32)  # symbols: preamble, sync word and header with room, after which the chip stops its timer


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

    def run(self, session, phy, hz, dr, windows, accept):
        """Sends `phy`, then listens in `windows` ((delay s, Hz, DR), ...) until `accept(data)` is true; returns whether it was."""
        region, radio = self.region, self.radio
        if region.listen_before_talk:
            self._await_silence(hz, region.rates[dr])
        duty.spend(session, region.band(hz), self.air_us(len(phy), dr), self.board.mono())
        radio.configure_tx(hz, region.rates[dr], region.eirp_dbm(session.power, session.max_eirp, hz) - self.gain_dbi)
        try:
            done = radio.transmit(phy)
            self.done_ms = time.ticks_add(time.ticks_ms(), -(time.ticks_diff(time.ticks_us(), done) // 1000))
            radio.sleep()
            for delay, down_hz, down_dr in windows:
                row = region.rates[down_dr]
                heard = row[0] and self._listen(done, delay * 1000000, down_hz, row)  # no window at a rate the radio does not know
                if heard:
                    self.snr = heard[2]
                    if accept(heard[0]):
                        self.rssi = heard[1] if delay == windows[0][0] else None
                        return True
        finally:
            radio.sleep()
        return False

    def _await_silence(self, hz, row):
        """Returns when the carrier is free. UplinkError when it stays taken."""
        for trial in range(_LISTENS):
            if self.radio.clear(hz, row, *self.region.listen_before_talk):
                return
            self.board.idle_ms(random_below(50 << trial))
        self.radio.sleep()
        raise UplinkError("carrier is taken")

    def _listen(self, done, delay_us, hz, row):
        symbols, offset, timeout_ms = window(row[0], row[1], self.error_us)
        opens = time.ticks_add(done, delay_us + offset)
        early = time.ticks_diff(opens, time.ticks_us()) // 1000 - self.radio.wake_ms - _LATE_MS
        if early < -timeout_ms:
            return None  # a foreign packet in the first window lasted beyond this one
        if early > 0:
            self.board.idle_ms(early)
        return self.radio.receive(hz, row, symbols, timeout_ms, True, opens)


def window(sf, bw_hz, error_us):
    """When to open a receive window and how long to wait for a preamble: (symbols, offset_us, timeout_ms).

    Both sides count from the end of the uplink, each with its own clock error. The window therefore opens early enough and lasts
    long enough that at least `_PREAMBLE_MIN` symbols of the downlink's eight fall inside it.

    `symbols` is the search length, `offset_us` the opening relative to the nominal start (mostly negative), `timeout_ms` the end
    of a search that met a false preamble. `error_us` is the largest clock error of both sides, either direction.
    """
    symbol = symbol_us(sf, bw_hz)
    spread = (2 * _PREAMBLE_MIN - 8) * symbol + 2 * error_us
    symbols = max((spread + symbol - 1) // symbol, _PREAMBLE_MIN)
    offset = 4 * symbol - symbols * symbol // 2
    return symbols, offset, (symbols + _HEADER) * symbol // 1000 + 1


class Mac:
    """One device in one region. `session` is its state, `inbox` a list of (port, bytes), `pending` the network has more to say,
    `network_time` (GPS seconds, 1/256 s, ticks_ms it was true at) or None. Set `want_time`, `want_check` to ask."""

    def __init__(self, region, session, vault, exchange, adr_enabled):
        self.region = region
        self.session = session
        self.vault = vault
        self.exchange = exchange
        self.link = commands.Link()
        self.link.adr = adr_enabled
        self.want_time = self.want_check = self.pending = False
        self.inbox = []
        self.network_time = None
        self._refused = (0, 0)  # time on air and priority of the frame last offered
        self._acked = self._heard = False

    def wait_s(self):
        """Seconds until the frame last offered may leave."""
        now = self.exchange.board.mono()
        return min([wait for wait, _ in duty.waits(self.session, self.region, now, self._refused[0], self._refused[1])])

    def _requests(self):
        return (b"\2" if self.want_check else b"") + (b"\x0d" if self.want_time else b"")  # LinkCheckReq, DeviceTimeReq

    def _room(self):
        return self.region.max_payload(self.session.dr, self.session.dwell)

    def _wider(self):
        """Payload of the next faster rate where the present one is narrow, else 0. Without it a node that joined at such a rate
        could never say enough to be given another."""
        session = self.session
        if self._room() >= _NARROW or not duty.carries(session, session.mask, session.dr + 1):
            return 0
        return self.region.max_payload(session.dr + 1, session.dwell)

    def mtu(self):
        """Bytes of application payload one frame may carry now."""
        extra = len(self.session.answers) + len(self._requests())
        return max(self._room(), self._wider()) - (extra if extra <= _FOPTS else 0)

    def send(self, port, payload, confirmed, priority):
        """Sends one frame. None when it may not leave now, else whether it was acknowledged.

        MAC answers that do not fit beside it leave first, in a frame of their own on port 0.
        """
        answers = self.session.answers
        if len(payload) > self._room() and self._wider():
            self.session.dr += 1
        room = self._room()
        crowded = answers and (len(answers) > _FOPTS or len(payload) + len(answers) > room)
        if crowded and self._frame(0, answers[: commands.fitting(answers, room)], b"", False, priority) is None:
            return None
        room = self._room() - len(payload)
        if room < 0:
            return None  # the network lowered the rate meanwhile: look at mtu again
        fopts = bytes(self.session.answers[: commands.fitting(self.session.answers, min(room, _FOPTS))])
        asked = self._requests()
        link = self.link
        if len(fopts) + len(asked) > min(room, _FOPTS):
            return self._frame(port, payload, fopts, confirmed, priority)
        link.check_asked, link.time_asked = self.want_check, self.want_time
        acked = self._frame(port, payload, fopts, confirmed, priority, asked)
        link.check_asked = link.time_asked = False
        if acked is not None:
            self.want_check = self.want_time = False
        return acked

    def _frame(self, port, payload, fopts, confirmed, priority, asked=b""):
        session, region, link, exchange = self.session, self.region, self.link, self.exchange
        dr = session.dr
        air_us = exchange.air_us(_OVERHEAD + len(payload) + len(fopts) + len(asked), dr)
        self._refused = (air_us, priority)
        channel = duty.choose(session, region, exchange.board.mono(), air_us, priority)
        if channel is None:
            return None
        self.vault.reserve(session)
        control = adr.control_bits(session, region, link.adr) | (frames.ACK if session.ack_due else 0)
        phy = frames.data_up(session.keys, session.dev_addr, session.fcnt_up, control, fopts + asked, port, payload, confirmed)
        session.fcnt_up += 1  # from here on this counter is spent, whatever happens to the frame
        session.ack_due = 0
        sent = len(fopts) if port else len(payload)
        session.answers = commands.sticky(session.answers[:sent]) + session.answers[sent:]
        self._acked = self._heard = link.changed = False
        try:
            for trial in range(session.nb_trans):
                if trial:
                    exchange.board.idle_ms(1000 + random_below(2000))  # RETRANSMIT_TIMEOUT, RP002-1.0.3 section 2.3
                    channel = duty.choose(session, region, exchange.board.mono(), air_us, priority)
                    if channel is None or session.dr != dr:
                        break
                delay = session.rx_delay
                rx1 = region.rx1(dr, session.rx1_offset, session.dwell)
                windows = ((delay, channel[1], rx1), (delay + 1, session.rx2_hz, session.rx2_dr))
                heard = exchange.run(session, phy, channel[0], dr, windows, self._take)
                if self._acked or (heard and not confirmed):
                    break
        finally:
            if not self._heard and adr.advance(session, region, link.adr, confirmed):
                link.changed = True
        if self._heard:
            self.vault.save_downlink(session)
        if link.changed:
            self.vault.save(session)
        return self._acked

    def _take(self, data):
        session, link = self.session, self.link
        down = frames.data_down(session.keys, session.dev_addr, session.fcnt_down, data)
        if down is None:
            return False
        self._heard = True
        session.fcnt_down = down.fcnt + 1
        session.adr_count = 0
        session.answers = bytearray()
        self.pending = bool(down.control & frames.PENDING)
        if down.control & frames.ACK:
            self._acked = True
        if down.confirmed:
            session.ack_due = 1
        link.snr = self.exchange.snr
        link.gps = None
        commands.process(session, self.region, link, down.payload if down.port == 0 else down.fopts)
        if link.gps:
            self.network_time = (link.gps[0], link.gps[1], self.exchange.done_ms)
        if down.port:
            if len(self.inbox) == _QUEUE:
                self.inbox.pop(0)
            self.inbox.append((down.port, down.payload))
        return True
