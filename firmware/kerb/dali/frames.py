"""DALI frames as half bits, and the times between them (IEC 62386-101:2014, edition 2).

1200 bit/s, Manchester: a one is low then high, a zero high then low; the bus idles high. A forward frame is a start bit (one), 16 or 24
bits and the stop condition; a backward frame a start bit and 8 bits. Times of the superseded edition 1 (2.92..9.17 ms) do not apply.
"""

from micropython import const

HALF_BITS_PER_S = const(2400)
NO_ANSWER = const(-1)
GARBLED = const(-2)  # something was there, but no backward frame: two gears at once, or noise

# Name -> ms, or (least, most) ms. Edition 2 as Beckhoff TC3 DALI and Microchip's DALI note give it, read 2026-08.
TIMING: dict = {
    "half_bit": 1000 / 2400,
    "bit": 1000 / 1200,
    "stop_condition": 2.45,
    "settle_fwd_to_back": (5.5, 10.5),
    "settle_back_to_fwd_min": 2.4,
    "priority1": (13.5, 14.7),
    "priority2": (14.9, 16.1),
    "priority3": (16.3, 17.7),
    "priority4": (17.9, 19.3),
    "priority5": (19.5, 21.1),
    "send_twice_window": 100,
}

_BACKWARD_HALVES = const(18)
# Runs in us. The receiver's limits are 333..500 for one half bit and 667..1000 for two; between them lies what sampling adds.
_SHORTEST_US = const(250)
_ONE_US = const(583)
_TWO_US = const(1167)


def half_bits(data, bits):
    """(levels, count): the start bit and `bits` bits of `data` as an integer whose most significant bit goes out first."""
    levels = 1  # the start bit: low, high
    for i in range(bits - 1, -1, -1):
        levels = levels << 2 | (1 if data >> i & 1 else 2)
    return levels, 2 * bits + 2


def backward(runs, count, unit_us):
    """The byte of a backward frame, or GARBLED.

    runs: how long the bus stayed at each level, in units of `unit_us`, low first; count: how many of them.
    """
    levels = halves = 0
    for i in range(count):
        us = runs[i] * unit_us
        high = i & 1
        if us < _SHORTEST_US:
            return GARBLED
        wide = 1 if us < _ONE_US else 2
        if us >= _TWO_US:
            if not high:
                return GARBLED
            wide = _BACKWARD_HALVES - halves if halves >= _BACKWARD_HALVES - 1 else 2
        for _ in range(wide):
            levels = levels << 1 | high
        halves += wide
        if us >= _TWO_US:
            break
    if halves != _BACKWARD_HALVES:
        return GARBLED
    value = 0
    for at in range(_BACKWARD_HALVES - 2, -1, -2):
        pair = levels >> at & 3
        if pair == 0 or pair == 3:
            return GARBLED
        value = value << 1 | (pair & 1)
    return value & 0xFF if value & 0x100 else GARBLED
