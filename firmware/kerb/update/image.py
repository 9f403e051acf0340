"""An image of the interpreter on its way into the idle OTA partition of an ESP32.

1.6 MB find no room in a file system of 960 KB, so pieces go where they belong, in any order: a sector is erased when none of its pieces is
marked. The marks are bits of the partition's last sector, which programming alone clears: no record is rewritten, and a power cut costs the
piece that was being written. The manifest comes before, as a bundle of its own, and names size and digest; the digest is taken over what is
read back. A piece: "KUI1", first 4 bytes of the image's SHA-256, number u16 from 0, bytes.
"""

from struct import calcsize, pack, unpack

from kerb import log

_HEAD = 10
SECTOR = 4096
ERASE, COUNT = 6, 4  # ioctl of a block device
_FORM = "<BIIIH32s"
COMING, CHECKED = 0, 1  # phases of the record

_at = 0  # of this life: every piece below is marked


class Record:
    """What is coming: `at`, address of its partition."""

    def __init__(self, phase, sequence, size, at, piece, digest):
        self.phase, self.sequence, self.size, self.at, self.piece, self.digest = phase, sequence, size, at, piece, digest

    def save(self, store):
        store.put("image", pack(_FORM, self.phase, self.sequence, self.size, self.at, self.piece, self.digest))

    @property
    def count(self):
        return (self.size + self.piece - 1) // self.piece


def load(store):
    """The record, or None."""
    raw = store.get("image")
    return Record(*unpack(_FORM, raw)) if raw and len(raw) == calcsize(_FORM) else None


def partition(at):
    """The application partition at an address. Raises OSError when there is none."""
    from esp32 import Partition

    for one in Partition.find(Partition.TYPE_APP):
        if one.info()[2] == at:
            return one
    raise OSError(2)


class Marks:
    """A bit a piece, 0 once the piece is in its place."""

    def __init__(self, target):
        self._target = target
        self._block = target.ioctl(COUNT, 0) - 1
        self._byte = bytearray(1)

    def have(self, number):
        self._target.readblocks(self._block, self._byte, number >> 3)
        return not self._byte[0] >> (number & 7) & 1

    def set(self, number):
        self._target.readblocks(self._block, self._byte, number >> 3)
        self._byte[0] &= ~(1 << (number & 7))
        self._target.writeblocks(self._block, self._byte, number >> 3)


def whole(record, marks):
    """Whether no piece is missing."""
    global _at
    while _at < record.count and marks.have(_at):
        _at += 1
    return _at == record.count


def forget(target):
    """Takes every mark away."""
    global _at
    _at = 0
    target.ioctl(ERASE, target.ioctl(COUNT, 0) - 1)


def take(store, data):
    """Puts a piece in its place; True when the image is whole. What is no piece of it, or comes again, changes nothing."""
    record = load(store)
    number = int.from_bytes(data[8:_HEAD], "big")
    if not record or record.phase != COMING or data[4:8] != record.digest[:4] or number >= record.count:
        return False
    body = memoryview(data)[_HEAD:]
    if len(body) != min(record.piece, record.size - number * record.piece):
        return False
    target = partition(record.at)
    marks = Marks(target)
    if not marks.have(number):
        _program(target, marks, record, number, body)
    return whole(record, marks)


def _program(target, marks, record, number, body):
    block, offset = divmod(number * record.piece, SECTOR)
    each = SECTOR // record.piece
    if not any([marks.have(i) for i in range(block * each, min((block + 1) * each, record.count))]):
        target.ioctl(ERASE, block)
    target.writeblocks(block, body, offset)
    back = bytearray(len(body))
    target.readblocks(block, back, offset)
    if back == body:
        marks.set(number)
    else:
        log.event("fault", "image", "piece %d reads back otherwise" % number)


def waits(store):
    """True when an image is whole, or has been checked and was not started yet."""
    record = load(store)
    return bool(record) and (record.phase == CHECKED or whole(record, Marks(partition(record.at))))
