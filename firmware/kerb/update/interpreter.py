"""A new image of the interpreter: what its manifest must fit, the switch to it, its trial.

Between set_boot() and the reset nothing may sleep: a wake from deep sleep skips the bootloader's choice. The bootloader goes back by itself
to the partition before, at the first reset of any kind that comes before the proof.
"""

from hashlib import sha256

import stage0
from kerb import log
from kerb.update.envelope import Refused
from kerb.update.image import CHECKED, COMING, COUNT, SECTOR, Record, forget, load, partition
from kerb.update.probation import TRIAL_S

_CHIP_AT = 12  # esp_image_header_t of ESP-IDF: chip id, 2 bytes


def _partition(which=1):
    """RUNNING, 1, or BOOT, 0. Raises Refused where the port has none."""
    try:
        from esp32 import Partition
    except ImportError:
        raise Refused("port", "no partitions")
    return Partition(which)


def expect(store, manifest):
    """Makes the idle partition ready for the image of a manifest that has passed every other check. Raises Refused and OSError."""
    digest, size, _, piece = manifest.image
    running = _partition()
    try:
        target = running.get_next_update()
    except OSError:
        raise Refused("port", "one partition alone")
    info = target.info()
    if info[2] == running.info()[2] or info[5]:
        raise Refused("port", "no idle partition that marks can be kept in")
    last = target.ioctl(COUNT, 0) - 1
    wanted = Record(COMING, manifest.sequence, size, info[2], piece, digest)
    if size > last * SECTOR or wanted.count > 8 * SECTOR:
        raise Refused("size", "%d bytes, %d of room" % (size, last * SECTOR))
    known = load(store)
    if not known or (known.size, known.at, known.piece, known.digest) != (size, info[2], piece, digest):
        # What was marked was of another image.
        forget(target)
    wanted.save(store)


def _digest(target, size, feed):
    h = sha256()
    piece = bytearray(1024)
    view = memoryview(piece)
    for at in range(0, size, 1024):
        target.readblocks(at // SECTOR, piece, at % SECTOR)
        h.update(view[: min(1024, size - at)])
        if feed:
            feed()
    return h.digest()


def _chip(partition):
    head = bytearray(_CHIP_AT + 2)
    partition.readblocks(0, head, 0)
    return head[0], head[_CHIP_AT:]


def switch(store, feed=None):
    """Checks the whole image and puts it on trial. Its number, and whether a reset must follow at once. Raises Refused and OSError.

    A cut may end it anywhere: the record says how far it came, and is left until the trial ends. A cut between the port's choice and ours
    has the new image running here already.
    """
    record = load(store)
    target, running = partition(record.at), _partition()
    s = stage0.load()
    if record.sequence in (s.failed, s.floor) or record.sequence < s.floor:
        raise Refused("older", "number %d after %d" % (record.sequence, s.floor))
    if record.phase == COMING:
        if _chip(target) != _chip(running):
            raise Refused("port", "an image for another chip")
        if _digest(target, record.size, feed) != record.digest:
            raise Refused("digest", "image")
        record.phase = CHECKED
        record.save(store)
    switched = running.info()[2] == record.at
    if not switched:
        try:
            target.set_boot()
        except OSError as error:
            raise Refused("digest", "the port does not take it: %s" % error)
        if _partition(0).info()[2] != record.at:
            raise Refused("digest", "the port does not take it")
    s.state, s.strikes, s.running, s.since, s.reason = stage0.IMAGE, 0, 0, 0, 0
    s.floor = record.sequence
    stage0.save(s)
    stage0.current = s
    return record.sequence, not switched


def judge(store, proven, now_s):
    """As probation.judge. A way back has been gone when another image runs than the one on trial: told as stage 0's are."""
    s = stage0.current
    record = load(store)
    if record and _partition().info()[2] == record.at:
        if not proven:
            if now_s - s.since > TRIAL_S:
                stage0.abandon("silent")
            return None
        from esp32 import Partition

        Partition.mark_app_valid_cancel_rollback()
        s.reason = 0
        log.event("update", "confirmed", s.floor)
    else:
        s.failed = s.floor
        s.reason = s.reason or stage0.REASONS.index("strikes")  # the bootloader does not say why it went back
        log.event("update", "reverted", stage0.REASONS[s.reason], s.floor)
    s.state = stage0.CONFIRMED
    stage0.save(s)
    store.remove("image")
    return None if s.reason else "confirmed"
