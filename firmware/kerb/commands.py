"""A command: CBOR [kind, counter, body] and eight bytes of HMAC-SHA-256 behind it (protocols/downlink.cddl). The same on every bearer.

The key is HMAC(device_key, "kerb command 1"); the code covers the device's name, a zero byte and the CBOR. A counter is used once.
"""

from micropython import const

from kerb.cbor import decode
from kerb.prove import hmac

KINDS = (
    "report", "dim", "schedule", "override", "calibrate", "self_test", "reboot", "identify", "configure", "health", "crashes", "wipe",
    "log",
)  # fmt: skip
MAC_BYTES = const(8)
LONGEST = const(242)  # bytes of the fastest LoRaWAN rate
_SHORTEST = const(12)  # array, kind, counter, body and code
_LAST = 0xFFFFFFFF  # of counters


class Refused(Exception):
    """`reason`: a word of the security log; or, for a command that is authentic, of the channel `result`, then with `detail`."""

    def __init__(self, reason, detail=0):
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def key_of(identity):
    """The key of commands. Raises ConfigError when the identity has no device_key."""
    return hmac(identity.key("device_key"), b"kerb command 1")


def code(key, device, body):
    """The authentication code of the CBOR `body` for a device (bytes)."""
    return hmac(key, device + b"\0" + body)[:MAC_BYTES]


def opened(key, device, message, last):
    """(kind, counter, body) of an authentic message newer than `last`. Raises Refused: "size", "mac", "form" or "replay"."""
    if not _SHORTEST <= len(message) <= LONGEST:
        raise Refused("size")
    body, given = message[:-MAC_BYTES], message[-MAC_BYTES:]
    wrong = 0
    for ours, theirs in zip(code(key, device, body), given):
        wrong |= ours ^ theirs  # in constant time
    if wrong:
        raise Refused("mac")
    try:
        item = decode(body)
    except ValueError:
        raise Refused("form")
    if not isinstance(item, list) or len(item) != 3:
        raise Refused("form")
    kind, counter = item[0], item[1]
    if not whole(kind, 0, 255) or not whole(counter, 1, _LAST):
        raise Refused("form")
    if counter <= last:
        raise Refused("replay")
    return kind, counter, item[2]


def whole(value, least, most):
    """True for an integer of the range; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
