"""ECDSA over P-256: verification alone. FIPS 186-5, 6.4.2; formulas of Bernstein and Lange (EFD, dbl-2001-b and madd-2007-bl).

Nothing here is secret, so nothing has to take the same time whatever the numbers are.
"""

from hashlib import sha256

_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
SIGNATURE = 64  # bytes: r and s, as COSE has them (RFC 9053, 2.1)
KEY = 64  # bytes: x and y


def _inverse(a, m):
    """1/a modulo m, by Euclid: the port's pow() knows no negative exponents."""
    old, new, x, y = a % m, m, 1, 0
    while new:
        q = old // new
        old, new = new, old - q * new
        x, y = y, x - q * y
    return x % m


def _double(x, y, z):
    zz = z * z % _P
    yy = y * y % _P
    b = x * yy % _P
    a = 3 * (x - zz) * (x + zz) % _P
    x3 = (a * a - 8 * b) % _P
    return x3, (a * (4 * b - x3) - 8 * yy * yy) % _P, ((y + z) * (y + z) - yy - zz) % _P


def _add(x, y, z, point):
    """Jacobian plus affine; z = 0 is the point at infinity."""
    if not z:
        return point[0], point[1], 1
    zz = z * z % _P
    h = (point[0] * zz - x) % _P
    r = 2 * (point[1] * z * zz - y) % _P
    if not h:
        return _double(x, y, z) if not r else (1, 1, 0)
    hh = h * h % _P
    i = 4 * hh
    j = h * i
    v = x * i
    x3 = (r * r - j - 2 * v) % _P
    return x3, (r * (v - x3) - 2 * y * j) % _P, ((z + h) * (z + h) - zz - hh) % _P


def on_curve(key):
    """Whether 64 bytes are a public key of the curve."""
    if len(key) != KEY:
        return False
    x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
    return x < _P and y < _P and (y * y - x * x * x + 3 * x - _B) % _P == 0


def verify(key, message, signature, feed=None):
    """True when `signature` (64 bytes) over SHA-256 of `message` is `key`'s (64 bytes). `feed` is called now and then: the watchdog.

    `message`: bytes, or a list of pieces that are hashed one after the other.
    """
    if len(signature) != SIGNATURE or not on_curve(key):
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < _N and 0 < s < _N):
        return False
    digest = sha256()
    for piece in message if isinstance(message, list) else (message,):
        digest.update(piece)
    w = _inverse(s, _N)
    u = int.from_bytes(digest.digest(), "big") * w % _N
    v = r * w % _N
    q = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
    both = _affine(_add(_G[0], _G[1], 1, q))
    x, y, z = 1, 1, 0
    for i in range(255, -1, -1):
        if z:
            x, y, z = _double(x, y, z)
        pick = (u >> i & 1) | (v >> i & 1) << 1
        # None: the key is the generator's opposite, and the two add up to nothing.
        point = (None, _G, q, both)[pick]
        if point:
            x, y, z = _add(x, y, z, point)
        if feed and not i & 15:
            feed()
    if not z:
        return False
    zz = z * z % _P
    return r * zz % _P == x or (r + _N < _P and (r + _N) * zz % _P == x)


def _affine(point):
    x, y, z = point
    if not z:
        return None
    i = _inverse(z, _P)
    return x * i * i % _P, y * i * i % _P * i % _P
