"""A whole image of the interpreter on an ESP32 with two OTA partitions: pieces into the idle one, a trial, a way back.

1.6 MB find no room in a file system of 960 KB, so pieces go where they belong, in any order: a sector is erased when none of its pieces is
marked. The marks are bits of the partition's last sector, which programming alone clears: no record is rewritten, and a power cut costs the
piece that was being written. The manifest comes before, as a bundle of its own, and names size and digest; the digest is taken over what is
read back. A piece: "KUI1", first 4 bytes of the image's SHA-256, number u16 from 0, bytes.

Between set_boot() and the reset nothing may sleep: a wake from deep sleep skips the bootloader's choice. The bootloader goes back by itself
to the partition before, at the first reset of any kind that comes before the proof.
"""

from hashlib import sha256
from struct import calcsize, pack, unpack

import stage0
from kerb import log
from kerb.update.envelope import Refused
from kerb.update.probation import TRIAL_S

MARK = b"KUI1"
_HEAD = 10
_SECTOR = 4096
_ERASE, _COUNT = 6, 4  # ioctl of a block device
_FORM = "<BIIIH32s"
_COMING, _CHECKED = 0, 1  # phases of the record
_CHIP_AT = 12  # esp_image_header_t of ESP-IDF: chip id, 2 bytes

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


def _partition(which=1):
    """RUNNING, 1, or BOOT, 0. Raises Refused where the port has none."""
    try:
        from esp32 import Partition
    except ImportError:
        raise Refused("port", "no partitions")
    return Partition(which)


def _target(at):
    from esp32 import Partition

    for one in Partition.find(Partition.TYPE_APP):
        if one.info()[2] == at:
            return one
    raise Refused("port", "no partition at %d" % at)


def expect(store, manifest):
    """Makes the idle partition ready for the image of a manifest that has passed every other check. Raises Refused and OSError."""
    global _at
    digest, size, _, piece = manifest.image
    running = _partition()
    try:
        target = running.get_next_update()
    except OSError:
        raise Refused("port", "one partition alone")
    info = target.info()
    if info[2] == running.info()[2] or info[5]:
        raise Refused("port", "no idle partition that marks can be kept in")
    last = target.ioctl(_COUNT, 0) - 1
    wanted = Record(_COMING, manifest.sequence, size, info[2], piece, digest)
    if size > last * _SECTOR or wanted.count > 8 * _SECTOR:
        raise Refused("size", "%d bytes, %d of room" % (size, last * _SECTOR))
    known = load(store)
    if not known or (known.size, known.at, known.piece, known.digest) != (size, info[2], piece, digest):
        # What was marked was of another image.
        target.ioctl(_ERASE, last)
        _at = 0
    wanted.save(store)


class _Marks:
    """A bit a piece, 0 once the piece is in its place."""

    def __init__(self, target):
        self._target = target
        self._block = target.ioctl(_COUNT, 0) - 1
        self._byte = bytearray(1)

    def have(self, number):
        self._target.readblocks(self._block, self._byte, number >> 3)
        return not self._byte[0] >> (number & 7) & 1

    def set(self, number):
        self._target.readblocks(self._block, self._byte, number >> 3)
        self._byte[0] &= ~(1 << (number & 7))
        self._target.writeblocks(self._block, self._byte, number >> 3)


def left(record, marks):
    """The first piece that is missing; their count when none is."""
    global _at
    while _at < record.count and marks.have(_at):
        _at += 1
    return _at


def take(store, data):
    """Puts a piece in its place; True when the image is whole. What is no piece of it, or comes again, changes nothing."""
    record = load(store)
    number = int.from_bytes(data[8:_HEAD], "big")
    if not record or record.phase != _COMING or data[4:8] != record.digest[:4] or number >= record.count:
        return False
    body = memoryview(data)[_HEAD:]
    if len(body) != min(record.piece, record.size - number * record.piece):
        return False
    target = _target(record.at)
    marks = _Marks(target)
    if not marks.have(number):
        _program(target, marks, record, number, body)
    return left(record, marks) == record.count


def _program(target, marks, record, number, body):
    block, offset = divmod(number * record.piece, _SECTOR)
    each = _SECTOR // record.piece
    if not any([marks.have(i) for i in range(block * each, min((block + 1) * each, record.count))]):
        target.ioctl(_ERASE, block)
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
    return bool(record) and (record.phase == _CHECKED or left(record, _Marks(_target(record.at))) == record.count)


def _digest(target, size, feed):
    h = sha256()
    piece = bytearray(1024)
    view = memoryview(piece)
    for at in range(0, size, 1024):
        target.readblocks(at // _SECTOR, piece, at % _SECTOR)
        h.update(view[: min(1024, size - at)])
        if feed:
            feed()
    return h.digest()


def _chip(partition):
    head = bytearray(_CHIP_AT + 2)
    partition.readblocks(0, head, 0)
    return head[0], head[_CHIP_AT:]


def switch(store, feed=None):
    """Checks the whole image and puts it on trial; its number. The caller resets the board at once. Raises Refused and OSError.

    A cut may end it anywhere: the record says how far it came, and is left until the trial ends.
    """
    record = load(store)
    target, running = _target(record.at), _partition()
    if record.phase == _COMING:
        if _chip(target) != _chip(running):
            raise Refused("port", "an image for another chip")
        if _digest(target, record.size, feed) != record.digest:
            raise Refused("digest", "image")
        record.phase = _CHECKED
        record.save(store)
    if running.info()[2] != record.at:
        try:
            target.set_boot()
        except OSError as error:
            raise Refused("digest", "the port does not take it: %s" % error)
        if _partition(0).info()[2] != record.at:
            raise Refused("digest", "the port does not take it")
    s = stage0.load()
    s.state, s.strikes, s.running, s.since, s.reason = stage0.IMAGE, 0, 0, 0, 0
    s.floor = record.sequence
    stage0.save(s)
    stage0.current = s
    return record.sequence


def judge(store, proven, now_s):
    """As probation.judge: "confirmed" or "reverted" when it has come to an end, else None."""
    s = stage0.current
    record = load(store)
    if not record or _partition().info()[2] != record.at:
        return _end(store, "reverted")
    if proven:
        from esp32 import Partition

        Partition.mark_app_valid_cancel_rollback()
        return _end(store, "confirmed")
    if now_s - s.since > TRIAL_S:
        stage0.abandon("silent")
    return None


def _end(store, word):
    s = stage0.current
    s.state, s.since = stage0.CONFIRMED, 0
    if word == "reverted":
        s.failed = s.floor
        s.reason = s.reason or stage0.REASONS.index("strikes")  # the bootloader does not say why it went back
        log.event("update", word, stage0.REASONS[s.reason], s.floor)
    else:
        s.reason = 0
        log.event("update", word, s.floor)
    stage0.save(s)
    store.remove("image")
    return word
