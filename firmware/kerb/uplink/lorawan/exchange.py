"""One exchange: an uplink and its two receive windows, timed from the end of the uplink (LoRaWAN 1.0.4 section 3.3).

Nothing slow happens in here between the uplink and the last window: no flash, no output.
"""

import time

from micropython import const

from kerb.radio.airtime import symbol_us, time_on_air_us

from . import duty

_LATE_MS = const(5)  # a light sleep may end this late
_PREAMBLE_MIN = const(6)  # symbols a receiver needs to lock; the usual figure of LoRaWAN end-device stacks
_HEADER = const(32)  # symbols: preamble, sync word and header with room, after which the chip stops its timer


class Exchange:
    """`radio`: a driver such as kerb.radio.sx1262, set before the first run. `board` offers `idle_ms(ms)` (sleeps lightly where the
    port can) and `mono()` (whole seconds since power-on, running on through deep sleep).

    After run(): `done_ms` is the tick the uplink ended at, `snr` (dB) that of the last frame heard.
    """

    def __init__(self, region, board, config):
        self.region = region
        self.board = board
        self.radio = None
        self.error_us = config.get("rx_error_ms", 10) * 1000
        self.gain_dbi = int(config.get("radio", {}).get("antenna_gain_dbi", 0) + 0.99)  # rounded up: never above the limit
        self.done_ms = self.snr = 0

    def air_us(self, size, dr):
        """Time on air of a frame of `size` bytes."""
        row = self.region.rates[dr]
        return time_on_air_us(size, row[0], row[1])

    def run(self, session, phy, hz, dr, windows, accept):
        """Sends `phy`, then listens in `windows` ((delay s, Hz, DR), ...) until `accept(data)` is true; returns whether it was."""
        region, radio = self.region, self.radio
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
                        return True
        finally:
            radio.sleep()
        return False

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
