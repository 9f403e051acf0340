"""Ed25519: verification alone. RFC 8032, 5.1.7, without the cofactor; formulas of Hisil, Wong, Carter and Dawson (EFD, add-2008-hwcd-3)."""

from kerb.update.sha512 import sha512

_P = (1 << 255) - 19
_L = (1 << 252) + 27742317777372353535851937790883648493
_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
_ROOT = 19681161376707505956807079304988542015446066515923890162744021073123829784752  # of -1
_BASE = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)
SIGNATURE = 64
KEY = 32


def _add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(p):
    """dbl-2008-hwcd with a = -1."""
    a = p[0] * p[0] % _P
    b = p[1] * p[1] % _P
    c = 2 * p[2] * p[2] % _P
    h = a + b
    e = h - (p[0] + p[1]) * (p[0] + p[1]) % _P
    g = a - b
    f = c + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _point(data):
    """The point of 32 bytes, in extended coordinates; None when there is none (RFC 8032, 5.1.3)."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    v3 = v * v * v % _P
    x = u * v3 * pow(u * v3 * v3 * v % _P, (_P - 5) // 8, _P) % _P
    found = v * x * x % _P
    if found != u:
        if found != _P - u and u:
            return None
        x = x * _ROOT % _P
    if not x and sign:
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def verify(key, message, signature, feed=None):
    """True when `signature` (64 bytes) over `message` is `key`'s (32 bytes). `feed` is called now and then: the watchdog.

    `message`: bytes, or a list of pieces.
    """
    if len(key) != KEY or len(signature) != SIGNATURE:
        return False
    key, first = bytes(key), bytes(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    a = _point(key)
    if a is None or s >= _L:
        return False
    if isinstance(message, list):
        message = b"".join(message)
    k = int.from_bytes(sha512(first + key + message), "little") % _L
    # R = s B - k A: with -A both are sums.
    minus = (_P - a[0], a[1], 1, _P - a[3])
    base = (_BASE[0], _BASE[1], 1, _BASE[0] * _BASE[1] % _P)
    both = _add(base, minus)
    found = (0, 1, 1, 0)
    for i in range(252, -1, -1):
        found = _double(found)
        point = (None, base, minus, both)[(s >> i & 1) | (k >> i & 1) << 1]
        if point:
            found = _add(found, point)
        if feed and not i & 15:
            feed()
    inverse = pow(found[2], _P - 2, _P)
    x, y = found[0] * inverse % _P, found[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little") == first
