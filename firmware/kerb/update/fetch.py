"""Fetches a bundle a server keeps for this device, block by block (RFC 7959, Block2), and goes on where the last wake ended.

The device asks, so nothing is sent to one that sleeps, nothing is queued, and a block that got lost is asked for again.
"""

from micropython import const

import stage0
from kerb.update import inbox

_BLOCK = const(256)  # bytes: with its head the longest datagram that every modem hands over in one line of hexadecimal
_ROUND = const(64)  # blocks of a wake: then the node looks after its other work
_FEW = const(4)  # the same where the cell is hardly heard, and a block costs twenty times as much
_FAINT_DBM = const(-120)  # RSRP; below it coverage class 2 begins (3GPP TS 36.304 leaves it to the network, commonly 154 dB of loss)
_DEEP = const(2)  # coverage class


def offered(node, offer):
    """Fetches what a server offers: "KUB1", first 4 bytes of the bundle's SHA-256, its bytes u32. True when it is whole; None when the
    rest is for another wake.
    """
    whole = None
    if len(offer) == 12 and not (stage0.current and stage0.current.state):
        for way in node.ways:
            if not way.bearer.idle and hasattr(way.uplink, "fetch"):
                whole = fetch(way.uplink, offer[4:8], int.from_bytes(offer[8:12], "big"))
                if not whole and faint(way.uplink):
                    whole = None
    return whole


def faint(uplink):
    """Whether the cell is hardly heard."""
    return uplink.health.get("ecl") == _DEEP or uplink.health.get("rsrp_dbm", 0) < _FAINT_DBM


def fetch(uplink, head, size):
    """True when the bundle is whole. `head`: first bytes of its SHA-256, its name at the server. `size`: its bytes."""
    count = (size + _BLOCK - 1) // _BLOCK
    if not 0 < count < 1 << 16:
        return False
    padding = count * _BLOCK - size
    fixed = head + count.to_bytes(2, "big")
    piece = inbox.progress() if inbox.name_of() == fixed + bytes((padding,)) + _BLOCK.to_bytes(2, "big") else None
    had = piece[1] if piece else 0
    last = min(had + (_FEW if faint(uplink) else _ROUND), count)
    for number in range(had + 1, last + 1):
        block = uplink.fetch(head.hex(), number - 1, number < last)
        if block is None or len(block) != (_BLOCK - padding if number == count else _BLOCK):
            return False
        if inbox.take(fixed + number.to_bytes(2, "big") + bytes((padding,)) + block + bytes(_BLOCK - len(block))):
            return True
    return had >= count
