"""Power saving timers of NB-IoT and LTE-M as the eight or four bits an AT command takes.

Sources: 3GPP TS 24.008 sections 10.5.7.4a (GPRS timer 3, T3412 extended: periodic update), 10.5.7.3 (GPRS timer 2, T3324: active
time) and table 10.5.5.32 (extended DRX).
"""

OFF = "11100000"

# Units in seconds with the three bits that name them, smallest first.
T3412 = ((2, 3), (30, 4), (60, 5), (600, 0), (3600, 1), (36000, 2), (1152000, 6))
T3324 = ((2, 0), (60, 1), (360, 2))
_COUNT = 31

# Four bits: cycle in hundredths of a second.
EDRX_NB = {
    "0010": 2048, "0011": 4096, "0101": 8192, "1001": 16384, "1010": 32768, "1011": 65536, "1100": 131072, "1101": 262144,
    "1110": 524288, "1111": 1048576,
}  # fmt: skip
EDRX_LTE_M = {
    "0000": 512, "0001": 1024, "0010": 2048, "0011": 4096, "0100": 6144, "0101": 8192, "0110": 10240, "0111": 12288, "1000": 14336,
    "1001": 16384, "1010": 32768, "1011": 65536, "1100": 131072, "1101": 262144,
}  # fmt: skip


def _bits(number, width):
    return "".join(["1" if number >> i & 1 else "0" for i in range(width - 1, -1, -1)])


def encode(units, seconds):
    """The bits of the shortest time that is not below `seconds`, in the finest unit that reaches it. ValueError: longer than any."""
    for unit, code in units:
        count = (seconds + unit - 1) // unit
        if count <= _COUNT:
            return _bits(code << 5 | count, 8)
    raise ValueError("%d s is longer than the timer reaches" % seconds)


def decode(units, bits):
    """Seconds of a timer's bits, or None when it is off. A unit that is reserved counts as minutes (both sections say so)."""
    number = int(bits, 2)
    if number >> 5 == 7:
        return None
    for unit, code in units:
        if code == number >> 5:
            return unit * (number & 31)
    return 60 * (number & 31)


def edrx_bits(table, centiseconds):
    """The bits of the shortest cycle that is not below the one asked for, or the longest there is."""
    best = max(table, key=table.get)
    for bits in table:
        if centiseconds <= table[bits] < table[best]:
            best = bits
    return best
