"""Packs a record into the bytes every bearer carries.

A message is a header (profile number, version, revision), four bits of status (quality, trust in the time), the channels of
the record as one bit string, most significant bit first, zero bits up to a whole byte, and, if its time is stamped, five
bytes of stamp. `profile` is the compiled table of node.json; a row of its channels is

    [name, "number", bits, top, missing, min_n, step_n, den]    value = (min_n + code * step_n) / den
    [name, "enum" or "flags", bits, top, missing, [names]]      code = place in names, or bit per name (first = bit 0)

where `top` is the largest code with a meaning and `missing` the code for "no value" (-1: there is none).
All arithmetic is on integers but for one product of a fraction below 1, so 32-bit and 64-bit floats give the same bytes.
"""

from micropython import const

from kerb.errors import ConfigError
from kerb.quality import SUSPECT

LIVE = const(0)  # sampled within 10 s of the transmission
STAMPED = const(1)  # the clock is right to a minute
UNSURE = const(2)  # stamped by a clock that may be wrong
UNKNOWN = const(3)  # no clock was ever set; a repeat of such a record is UNSURE with stamp 0, to have where to say so

_EXTENDED = const(15)  # in the number field: the next byte holds the profile number
_STATUS_BITS = const(4)
_STAMP_BYTES = const(5)
_BELOW = const(-1)  # what _code gives for a number out of its range
_ABOVE = const(-2)


def size(profile, record, stamped=False):
    """Bytes a record takes on the air."""
    bits = _STATUS_BITS
    rows = profile["channels"]
    for i in range(_count(profile, record)):
        bits += rows[i][2]
    return (1 if profile["id"] < _EXTENDED else 2) + ((bits + 7) >> 3) + (_STAMP_BYTES if stamped else 0)


def encode(profile, record, values, quality, trust, stamp=None, repeat=False, seq=0):
    """The bytes of a record; `values` maps channel names to numbers, states (name or code) and flags (names or bits).

    A number that is absent, None or NaN is sent as missing. A number out of range is sent as the nearest end of the range and
    makes the quality at least SUSPECT. Raises ConfigError if the profile has no such record or state, or if a state or flag
    set is absent. `stamp` is in seconds since 1970 (0: unknown) and goes with STAMPED and UNSURE; `seq` counts
    modulo 128.
    """
    stamped = trust in (STAMPED, UNSURE)
    if stamped and stamp is None:
        raise ConfigError("record %s of profile %s has a trusted time but no stamp" % (record, profile["name"]))
    if repeat and not stamped:
        raise ConfigError("record %s of profile %s is a repeat without a stamp: stamp it, 0 if unknown" % (record, profile["name"]))
    out = bytearray(size(profile, record, stamped))
    number = profile["id"]
    at = 1
    out[0] = (number if number < _EXTENDED else _EXTENDED) << 4 | profile["version"] << 2 | profile["revision"]
    if number >= _EXTENDED:
        out[1] = number
        at = 2
    first = at
    waiting = 0  # bits not yet written, fewer than 8 between channels
    width = _STATUS_BITS
    rows = profile["channels"]
    for i in range(_count(profile, record)):
        row = rows[i]
        bits = row[2]
        code = _code(row, values.get(row[0]))
        if code < 0:
            code = 0 if code == _BELOW else row[3]
            if quality < SUSPECT:
                quality = SUSPECT
        waiting = waiting << bits | code
        width += bits
        while width >= 8:
            width -= 8
            out[at] = waiting >> width
            waiting &= (1 << width) - 1
            at += 1
    if width:
        out[at] = waiting << (8 - width)
        at += 1
    out[first] |= quality << 6 | trust << 4
    if stamped:
        for shift in (24, 16, 8, 0):
            out[at] = stamp >> shift & 255
            at += 1
        out[at] = (128 if repeat else 0) | seq & 127
    return bytes(out)


def _count(profile, record):
    count = profile["records"].get(record)
    if count is None:
        raise ConfigError("profile %s has no record %s" % (profile["name"], record))
    return count


def _code(row, value):
    """The code of a value; _BELOW or _ABOVE if a number is out of its range."""
    if row[1] == "number":
        return row[4] if value is None else _steps(row, value)
    if value is not None:
        if row[1] == "enum":
            code = row[5].index(value) if value in row[5] else value
        else:
            code = value if isinstance(value, int) else _flags(row[5], value)
        if isinstance(code, int) and 0 <= code <= row[3]:
            return code
    elif row[4] >= 0:
        return row[4]
    raise ConfigError("channel %s cannot carry %s" % (row[0], value))


def _flags(names, value):
    code = 0
    for name in value:
        if name not in names:
            return None
        code |= 1 << names.index(name)
    return code


def _steps(row, value):
    """The nearest step, halves up, from the whole part in integers and the fraction scaled once."""
    if value - value != 0:  # NaN or infinite
        return row[4] if value != value else _BELOW if value < 0 else _ABOVE
    whole = int(value)
    fraction = value - whole
    if fraction < 0:
        whole -= 1
        fraction = value - whole
    step, den = row[6], row[7]
    twice = ((whole * den - row[5]) << 1) + step + int(2 * den * fraction)
    code = twice // (2 * step)
    return _BELOW if code < 0 else _ABOVE if code > row[3] else code
