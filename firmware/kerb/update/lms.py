"""LMS with LM-OTS over SHA-256, 32 bytes (RFC 8554): a signature of hashes alone, which no quantum computer weakens. Verification alone.

A public key signs as many times as its tree has leaves, each leaf once; the signer keeps the count.
"""

from hashlib import sha256

# LM-OTS type -> bits of a coefficient, chains, shift of the check sum (RFC 8554, table 1)
_OTS = {1: (1, 265, 7), 2: (2, 133, 6), 3: (4, 67, 4), 4: (8, 34, 0)}
_TREES = {5: 5, 6: 10, 7: 15, 8: 20, 9: 25}  # LMS type -> height (table 2)
_D_PBLK, _D_MESG, _D_LEAF, _D_INTR = b"\x80\x80", b"\x81\x81", b"\x82\x82", b"\x83\x83"
KEY = 56  # bytes: two types, I, the root


def _u32(data, at):
    return int.from_bytes(data[at : at + 4], "big")


def _coefficients(digest, bits, count, shift):
    """The digest and its check sum in pieces of `bits` (3.1.3, 4.4)."""
    largest = (1 << bits) - 1
    per = 8 // bits
    pieces = [byte >> bits * i & largest for byte in digest for i in range(per - 1, -1, -1)]
    total = 0
    for piece in pieces:
        total += largest - piece
    for byte in ((total << shift) & 0xFFFF).to_bytes(2, "big"):
        for i in range(per - 1, -1, -1):
            pieces.append(byte >> bits * i & largest)
    return pieces[:count]


def verify(key, message, signature, feed=None):
    """True when `signature` over `message` is `key`'s (56 bytes, 5.3). `message`: bytes, or a list of pieces. `feed`: the watchdog."""
    if len(key) != KEY or len(signature) < 12:
        return False
    tree, ots = _u32(key, 0), _u32(key, 4)
    if tree not in _TREES or ots not in _OTS or _u32(signature, 4) != ots:
        return False
    height = _TREES[tree]
    bits, chains, shift = _OTS[ots]
    path = 4 + 4 + 32 * (chains + 1)
    if len(signature) != path + 4 + 32 * height or _u32(signature, path) != tree:
        return False
    leaf = _u32(signature, 0)
    if leaf >= 1 << height:
        return False
    name = bytes(key[8:24])
    q = leaf.to_bytes(4, "big")
    h = sha256(name + q + _D_MESG + bytes(signature[8:40]))
    for piece in message if isinstance(message, list) else (message,):
        h.update(piece)
    public = sha256(name + q + _D_PBLK)
    for i, start in enumerate(_coefficients(h.digest(), bits, chains, shift)):
        value = bytes(signature[40 + 32 * i : 72 + 32 * i])
        chain = name + q + i.to_bytes(2, "big")
        for j in range(start, (1 << bits) - 1):
            value = sha256(chain + bytes((j,)) + value).digest()
        public.update(value)
        if feed and not i & 15:
            feed()
    node = (1 << height) + leaf
    value = sha256(name + node.to_bytes(4, "big") + _D_LEAF + public.digest()).digest()
    for at in range(path + 4, len(signature), 32):
        other = bytes(signature[at : at + 32])
        pair = other + value if node & 1 else value + other
        node >>= 1
        value = sha256(name + node.to_bytes(4, "big") + _D_INTR + pair).digest()
    return value == bytes(key[24:56])
