"""CoAP messages of RFC 7252, as far as a node needs: a confirmable POST, a GET of one block (RFC 7959), and what may come back."""

from binascii import crc32
from struct import pack, unpack_from

from micropython import const

CON, NON, ACK, RESET = 0, 1, 2, 3
EMPTY = const(0)
GET = const(1)
POST = const(2)
CREATED = const(0x41)
CHANGED = const(0x44)
CONTENT = const(0x45)
BAD = const(0x80)  # 4.00
BUSY = const(0xA3)  # 5.03
_URI_PATH = const(11)
_URI_QUERY = const(15)
_MAX_AGE = const(14)
_BLOCK2 = const(23)
_END = const(0xFF)  # of the options


class Message:
    """`kind`: CON, NON, ACK or RESET. `code`: class and detail in one byte, 2.04 = 0x44. `max_age_s`: of the answer, 60 unless it says.
    `block`: its option Block2, None without.
    """

    __slots__ = ("block", "code", "kind", "max_age_s", "mid", "payload", "token")

    def __init__(self, kind, code, mid, token, payload, max_age_s, block=None):
        self.kind = kind
        self.code = code
        self.mid = mid
        self.token = token
        self.payload = payload
        self.max_age_s = max_age_s
        self.block = block

    @property
    def words(self):
        """The code as RFC 7252 writes it."""
        return "%d.%02d" % (self.code >> 5, self.code & 31)


def post(mid, token, path, payload):
    """A confirmable POST; `path`: the parts of the URI's path, at most 268 bytes each. Its query "c=" has the low 16 bits of the CRC-32
    over the last part of the path and the payload, in hexadecimal: what lies between here and the modem checks nothing.
    """
    check = ("c=%04x" % (crc32(payload, crc32(path[-1])) & 0xFFFF)).encode()
    out = _request(POST, mid, token, [(_URI_PATH, part) for part in path] + [(_URI_QUERY, check)])
    out.append(_END)
    return bytes(out) + payload


def get(mid, token, path, number, szx):
    """A confirmable GET of block `number` with 2**(szx + 4) bytes (RFC 7959 section 2.2)."""
    value = number << 4 | szx
    block = value.to_bytes(1 if value < 256 else 2 if value < 65536 else 3, "big")
    return bytes(_request(GET, mid, token, [(_URI_PATH, part) for part in path] + [(_BLOCK2, block)]))


def _request(code, mid, token, options):
    """The message up to its options, which are (number, bytes) by number."""
    out = bytearray(pack(">BBH", 0x40 | len(token), code, mid) + token)
    at = 0
    for number, part in options:
        delta, at = number - at, number
        size = len(part)
        if size < 13:
            out += bytes((delta << 4 | size,))
        else:
            out += bytes((delta << 4 | 13, size - 13))
        out += part
    return out


def empty(kind, mid):
    """An acknowledgement, or a reset, of a message of the other side."""
    return pack(">BBH", kind << 4 | 0x40, EMPTY, mid)


def parse(data):
    """The message, or None for what is none (RFC 7252 section 3)."""
    if len(data) < 4 or data[0] >> 6 != 1:
        return None
    size = data[0] & 15
    code, mid = unpack_from(">BH", data, 1)
    if size > 8 or len(data) < 4 + size or (code == EMPTY and len(data) > 4):
        return None
    token = bytes(data[4 : 4 + size])
    at, number, max_age, block = 4 + size, 0, 60, None
    while at < len(data) and data[at] != _END:
        delta, length = data[at] >> 4, data[at] & 15
        at += 1
        delta, at = _extended(data, delta, at)
        length, at = _extended(data, length, at)
        if at < 0 or at + length > len(data):
            return None
        number += delta
        if number == _MAX_AGE and length <= 4:
            max_age = int.from_bytes(data[at : at + length], "big")
        if number == _BLOCK2 and length <= 3:
            block = int.from_bytes(data[at : at + length], "big")
        at += length
    if at == len(data) - 1:
        return None  # a marker with nothing behind it
    return Message(data[0] >> 4 & 3, code, mid, token, bytes(data[at + 1 :]), max_age, block)


def _extended(data, nibble, at):
    """(value, next position) of an option's delta or length; position -1 when it is cut short or reserved."""
    more = (0, 1, 2)[max(nibble - 12, 0)] if nibble < 15 else -1
    if at < 0 or more < 0 or at + more > len(data):
        return 0, -1
    if more == 1:
        return 13 + data[at], at + 1
    if more == 2:
        return 269 + (data[at] << 8 | data[at + 1]), at + 2
    return nibble, at
