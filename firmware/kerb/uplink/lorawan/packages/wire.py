"""Commands of the application packages as bytes: one table row a command, read and written by the same few lines.

A layout names the fields after the CID, lowest bit of the first byte first: "name:bits" with an ending

  s   signed (two's complement)      h   a frequency in Hz, in units of 100 Hz on the air
  x   bytes in their own order       ?   written when given, read when there: an error has no time behind it

"name:*" takes all bytes that are left; "-" is reserved, zero. Bytes beyond the layout end the command.
"""


def _fields(layout):
    """(name, bits or None for the rest, ending) of each field."""
    for field in layout.split():
        name, _, size = field.partition(":")
        digits = size.rstrip("shx?")
        yield name, None if digits == "*" else int(digits), size[len(digits) :]


def pack(cid, layout, fields):
    """The command's bytes. A field that is not given is 0; lists of booleans are masks, first = bit 0."""
    number, shift, rest = 0, 0, b""
    for name, bits, ending in _fields(layout):
        value = fields.get(name)
        if bits is None:
            rest = value or b""
            continue
        if value is None:
            if "?" in ending:
                break
            value = 0
        if isinstance(value, list):
            value = sum([1 << i for i, on in enumerate(value) if on])
        elif isinstance(value, (bytes, bytearray)):
            value = int.from_bytes(value, "little")
        value = int(value) // 100 if "h" in ending else int(value)
        low = -(1 << bits - 1) if "s" in ending else 0
        if not low <= value < (1 << bits) + low:
            raise ValueError("%s: %d does not fit into %d bits" % (name, value, bits))
        number |= (value & ((1 << bits) - 1)) << shift
        shift += bits
    return bytes([cid]) + number.to_bytes((shift + 7) // 8, "little") + bytes(rest)


def unpack(layout, data):
    """(fields, bytes used) of a command without its CID, or None when it was cut short."""
    out, shift, size = {}, 0, len(data)
    number = int.from_bytes(data, "little")
    for name, bits, ending in _fields(layout):
        if bits is None:
            out[name] = bytes(data[shift // 8 :])
            return out, size
        if shift + bits > 8 * size:
            if "?" in ending:
                break
            return None
        value = number >> shift & ((1 << bits) - 1)
        shift += bits
        if name == "-":
            continue
        if "s" in ending and value >> bits - 1:
            value -= 1 << bits
        out[name] = value.to_bytes(bits // 8, "little") if "x" in ending else value * 100 if "h" in ending else value
    return out, (shift + 7) // 8
