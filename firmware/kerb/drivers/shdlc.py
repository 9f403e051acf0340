"""Sensirion's SHDLC frames on a UART: 7E, address, command, [state,] length, data, checksum, 7E, with the bytes between stuffed.

SPS30 data sheet version 1.0 - D1, section 5.1: the checksum is the inverted low byte of the sum of what stands before it,
unstuffed; 7E, 7D, 11 and 13 travel as 7D and the byte with bit 5 inverted.
"""

from micropython import const

_EDGE = const(0x7E)
_ESCAPE = const(0x7D)
_FLIP = const(0x20)
_STUFFED = (_EDGE, _ESCAPE, 0x11, 0x13)
_HEAD = const(4)  # address, command, state, length of an answer


def mosi(addr, cmd, data=b""):
    """The bytes to send for a command to a device."""
    body = bytes((addr, cmd, len(data))) + data
    body += bytes((~sum(body) & 0xFF,))
    out = bytearray((_EDGE,))
    for byte in body:
        if byte in _STUFFED:
            out.append(_ESCAPE)
            byte ^= _FLIP
        out.append(byte)
    out.append(_EDGE)
    return bytes(out)


def _walk(buf, at, end, out):
    """Unstuffs buf[at:end] into `out` (None: only checks). Returns the count of bytes, 0 if checksum, length or stuffing is wrong."""
    total = count = length = 0
    flip = 0
    for i in range(at, end):
        byte = buf[i]
        if byte == _ESCAPE:
            if flip:
                return 0
            flip = _FLIP
            continue
        byte ^= flip
        flip = 0
        if out is not None and count < len(out):
            out[count] = byte
        if count == _HEAD - 1:
            length = byte
        total += byte
        count += 1
    if flip or count != _HEAD + length + 1 or total & 0xFF != 0xFF:
        return 0
    return count


def probe(buf, at, have):
    """For the Framer: answers of a device, without the closing 7E, which also opens the next frame if that lost its own."""
    if buf[at] != _EDGE:
        return 0
    for end in range(at + 1, at + have):
        if buf[end] == _EDGE:
            return end - at if _walk(buf, at + 1, end, None) else 0
    return have + 1


def miso(buf, at, size, out):
    """Fills `out` with address, command, state, length, data of the answer buf[at:at + size], closing 7E left out; False if it is none."""
    return size > 1 and buf[at] == _EDGE and _walk(buf, at + 1, at + size, out) > 0
