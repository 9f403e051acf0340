"""A changed file from the one it replaces: copies from the old, and what is new, in turn.

Each step is three numbers and bytes: how many bytes to copy, from where (the distance from the end of the last copy, its sign in the last
bit), how many new bytes follow, and those. Numbers are LEB128. The end is where the new file has its size.
"""

from kerb.update.envelope import Refused

_PIECE = 256


def number(f):
    """The next LEB128 number of at most 28 bits. Raises Refused."""
    value = shift = 0
    while True:
        byte = f.read(1)
        if not byte:
            raise Refused("truncated")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
        shift += 7
        if shift > 21:
            raise Refused("patch")


def copy(source, target, count):
    """Moves `count` bytes. Raises Refused when the source has fewer."""
    while count:
        piece = source.read(min(count, _PIECE))
        if not piece:
            raise Refused("truncated")
        target.write(piece)
        count -= len(piece)


def apply(old, patch, length, target, size):
    """Writes `size` bytes to `target` from file `old` and `length` bytes of file `patch`. Raises Refused."""
    end = patch.tell() + length
    at = 0
    while size:
        count, distance = number(patch), number(patch)
        new_at = at + (-(distance >> 1) if distance & 1 else distance >> 1)
        if count > size or new_at < 0:
            raise Refused("patch")
        if count:
            old.seek(new_at)
            try:
                copy(old, target, count)
            except Refused:
                raise Refused("patch")
            at = new_at + count
        size -= count
        fresh = number(patch)
        if fresh > size or patch.tell() + fresh > end or not count + fresh:
            raise Refused("patch")
        copy(patch, target, fresh)
        size -= fresh
    if patch.tell() != end:
        raise Refused("patch")
