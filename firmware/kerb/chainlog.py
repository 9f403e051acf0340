"""The security log on its way to the far end: its blob in messages of the profile `log`, with a code of the device over its head.

The blob becomes CBOR [count, head, head before the oldest entry, [entries], code]; code = the first 8 bytes of HMAC(HMAC(device_key,
"kerb log 1"), device id, 0, count in 4 bytes, head): who only carries the messages cannot write a chain of his own.
"""

from kerb.cbor import encode
from kerb.prove import hmac
from kerb.tell import LOG, LOG_BITS, LOG_WORDS, frame

CODE_BYTES = 8
_PIECE = 2 * LOG_WORDS


def code(device_key, device, count, head):
    """What shows that the device itself says so."""
    return hmac(hmac(device_key, b"kerb log 1"), device + b"\0" + count.to_bytes(4, "big") + head)[:CODE_BYTES]


def pieces(raw):
    """The messages that carry some bytes."""
    parts = (len(raw) + _PIECE - 1) // _PIECE
    for part in range(parts):
        piece = raw[part * _PIECE : part * _PIECE + _PIECE]
        piece += bytes(_PIECE - len(piece))
        words = [piece[at] << 8 | piece[at + 1] for at in range(0, _PIECE, 2)]
        yield frame(LOG, LOG_BITS, [part, parts] + words)


def tell(node, device_key, device):
    """Sends the log. The number of its entries."""
    log = node.far.security
    log.flush(node.clock.now().mono)
    count, head, base, entries = log.state()
    for message in pieces(encode([count, head, base, entries, code(device_key, device, count, head)])):
        node.delivery.store(message, 1)
    return len(entries)

