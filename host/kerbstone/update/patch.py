"""The other half of kerb/update/patch.py: what turns an old file into a new one, in few bytes."""

from __future__ import annotations

_KEY = 8  # bytes that must agree for a copy to be looked at
_LEAST = 12  # a copy costs three to five bytes: shorter ones do not pay


def number(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def make(old: bytes, new: bytes) -> bytes:
    """The patch. Greedy: at each place the longest copy from wherever in the old file it begins."""
    places: dict[bytes, list[int]] = {}
    for i in range(len(old) - _KEY + 1):
        places.setdefault(old[i : i + _KEY], []).append(i)
    steps: list[tuple[int, int, bytes]] = []  # from, count, what is new behind it
    source = count = fresh = at = 0
    while at < len(new):
        best, best_from = 0, 0
        for i in places.get(new[at : at + _KEY], ()):
            length = _common(old, i, new, at)
            if length > best or (length == best and i == source + count):
                best, best_from = length, i
        if best >= _LEAST:
            if at or count:
                steps.append((source, count, new[fresh:at]))
            source, count = best_from, best
            at += best
            fresh = at
        else:
            at += 1
    steps.append((source, count, new[fresh:]))
    return b"".join(_step(steps, i) for i in range(len(steps)) if steps[i][1] or steps[i][2])


def _common(old: bytes, i: int, new: bytes, at: int) -> int:
    most = min(len(old) - i, len(new) - at)
    for n in range(most):
        if old[i + n] != new[at + n]:
            return n
    return most


def _step(steps: list[tuple[int, int, bytes]], i: int) -> bytes:
    before = next((s + c for s, c, _ in reversed(steps[:i]) if c), 0)
    source, count, fresh = steps[i]
    distance = source - before if count else 0
    return number(count) + number(distance << 1 if distance >= 0 else -distance << 1 | 1) + number(len(fresh)) + fresh
