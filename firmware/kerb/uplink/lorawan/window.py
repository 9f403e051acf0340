"""When to open a receive window and how long to wait for a preamble.

Both sides count from the end of the uplink, each with its own clock error. The window therefore opens early enough and lasts
long enough that at least `_PREAMBLE_MIN` symbols of the downlink's eight fall inside it.
"""

from micropython import const

from kerb.radio.airtime import symbol_us

_PREAMBLE_MIN = const(6)  # symbols a receiver needs to lock; the usual figure of LoRaWAN end-device stacks
_HEADER = const(32)  # symbols: preamble, sync word and header with room, after which the chip stops its timer


def window(sf, bw_hz, error_us):
    """(symbols, offset_us, timeout_ms).

    `symbols` is the search length, `offset_us` the opening relative to the nominal start (mostly negative), `timeout_ms` the end
    of a search that met a false preamble. `error_us` is the largest clock error of both sides, either direction.
    """
    symbol = symbol_us(sf, bw_hz)
    spread = (2 * _PREAMBLE_MIN - 8) * symbol + 2 * error_us
    symbols = max((spread + symbol - 1) // symbol, _PREAMBLE_MIN)
    offset = 4 * symbol - symbols * symbol // 2
    return symbols, offset, (symbols + _HEADER) * symbol // 1000 + 1
