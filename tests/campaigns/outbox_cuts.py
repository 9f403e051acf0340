"""Runs in MicroPython: the supply fails at every flash operation of the outbox, and again at every one of its recovery.

Argument: JSON of first seed, number of seeds, actions a seed, whether to take a careless outbox instead.
Prints a line of JSON: cuts, problems, and the wear in bytes programmed and erased a byte of payload.
"""

import json
import os
import sys

import vfs

from kerb import outbox
from kerb.clock import Instant

BLOCK = 4096
BLOCKS = 16
_EIO = 5
_CACHE = 256
outbox.FOLDER = "/f/outbox"


class Flash:
    """NOR flash in RAM."""

    def __init__(self):
        self.cells = bytearray(b"\xff" * (BLOCK * BLOCKS))
        self.view = memoryview(self.cells)
        self.programmed = self.erased = 0


class Supply:
    """The way to a flash of one power cycle; it can fail in the n-th operation, in the middle of it when `torn`."""

    def __init__(self, flash):
        self.flash = flash
        self.count = self.at = self.torn = 0
        self.dead = False

    def arm(self, at, torn):
        """torn: quarters of the operation that still land."""
        self.at = at
        self.torn = torn
        self.count = 0

    def _share(self):
        """Quarters of this operation that land; nothing does once the supply has failed."""
        if self.dead:
            return 0
        self.count += 1
        if self.count == self.at:
            self.dead = True
            return self.torn
        return 4

    def _answer(self):
        return -_EIO if self.dead else 0

    def readblocks(self, block, buf, offset=0):
        if self.dead:
            return -_EIO
        at = block * BLOCK + offset
        buf[:] = self.flash.view[at : at + len(buf)]
        return 0

    def writeblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        cells, n = self.flash.cells, len(buf) * self._share() // 4
        for i in range(n):
            cells[at + i] &= buf[i]
        self.flash.programmed += n
        return self._answer()

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op != 6:
            return 0
        n = BLOCK * self._share() // 4
        if n:
            self.flash.cells[arg * BLOCK : arg * BLOCK + n] = b"\xff" * n
        self.flash.erased += n
        return self._answer()


class World:
    """A flash with an outbox on it."""

    def __init__(self):
        self.flash = Flash()
        vfs.VfsLfs2.mkfs(Supply(self.flash))
        self.boot(0, 0)

    def boot(self, at, torn):
        """As the node does after a power cut: mounts and lists; cut at flash operation `at` unless that is 0."""
        try:
            vfs.umount("/f")
        except OSError:
            pass
        self.supply = Supply(self.flash)
        self.supply.arm(at, torn)
        vfs.mount(vfs.VfsLfs2(self.supply, readsize=_CACHE), "/f")
        self.box = outbox.Outbox(LIMIT)
        self.box.names()


LIMIT = 12  # records; small, so that some are given up for room


def actions(rng):
    """The life of a queue: records of three priorities stored, some at once on the air, some receipted, some given up for room."""
    todo = []
    waiting = 0
    for number in range(60):
        sending = rng(3) == 0
        todo.append(("put", rng(3), sending, bytes([number]) * (3 + rng(40))))
        waiting += 1
        while waiting and rng(5) < (1 if number % 30 < 18 else 4):
            todo.append(("try", rng(waiting)))
            if rng(4):
                todo.append(("receipt",))
                waiting -= 1
    return todo


def run(world, action):
    """Carries out one action."""
    box = world.box
    if action[0] == "put":
        _, priority, sending, frame = action
        box.put(frame, priority, Instant(100, None), 1, 0, sending)
    elif action[0] == "try":
        names = box.names()
        if names:
            record = box.read(names[action[1] % len(names)])
            if record:
                box.mark_tried(record)
    else:
        tried = [name for name in box.names() if name.endswith("t")]
        if tried:
            box.remove(tried[0])


def state(box):
    """number -> (frame or counts of a gap marker, tried) of all that can be read."""
    found = {}
    for name in list(box.names()):
        record = box.read(name)
        if record:
            found[record.seq] = (record.gap or record.frame, record.tried)
    return found


def produced(found):
    """Records that are there or counted in a gap marker."""
    return sum([sum(content[:3]) if isinstance(content, tuple) else 1 for content, _tried in found.values()])


def judge(before, after, found, text):
    """Each record is what it was before the action that was cut, or what it is after it: nothing else."""
    for number in set(before) | set(after) | set(found):
        allowed = (before.get(number), after.get(number))
        if found.get(number) not in allowed:
            problems.append("%s: record %x is %s, not one of %s" % (text, number, found.get(number), allowed))
    if produced(found) not in (produced(before), produced(after)):
        problems.append("%s: %d records there or counted, not %d or %d" % (text, produced(found), produced(before), produced(after)))


problems = []
_HURT = bytearray(BLOCK * BLOCKS)


def campaign(seed, length):
    """Cuts every operation of `length` actions; returns the number of cuts."""
    value = seed

    def rng(n):
        nonlocal value
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
        return (value >> 8) % n

    world = World()
    cuts = 0
    for place, action in enumerate(actions(rng)[:length]):
        cells, numbers = bytes(world.flash.cells), world.box.next_seq
        before = state(world.box)
        world.supply.arm(0, 0)
        run(world, action)
        operations = world.supply.count
        after, after_numbers = state(world.box), world.box.next_seq
        after_cells = bytes(world.flash.cells)
        for at in range(1, operations + 1):
            for torn in (0, 1, 3):
                world.flash.cells[:] = cells
                world.boot(0, 0)
                world.box.next_seq = numbers
                cuts += cut_twice(world, action, at, torn, before, after, "action %d (%s), cut %d.%d" % (place, action[0], at, torn))
        world.flash.cells[:] = after_cells
        world.boot(0, 0)
        world.box.next_seq = after_numbers
    return cuts


def cut_twice(world, action, at, torn, before, after, text):
    """Cuts the action, then each operation of the recovery from that; returns the number of cuts."""
    world.supply.arm(at, torn)
    try:
        run(world, action)
    except OSError:
        pass  # the outbox has a way on when the flash refuses; here nobody is left to take it
    if not world.supply.dead:
        problems.append(text + ": another run took fewer operations")
    hurt = _HURT
    hurt[:] = world.flash.cells
    world.boot(0, 0)
    judge(before, after, state(world.box), text)
    cuts, recovery = 1, world.supply.count
    for second in range(1, recovery + 1):
        for half in (0, 2):
            cuts += 1
            world.flash.cells[:] = hurt
            try:
                world.boot(second, half)
                state(world.box)
            except OSError:
                pass
            world.boot(0, 0)
            judge(before, after, state(world.box), "%s, then %d.%d" % (text, second, half))
    return cuts


def wear():
    """Bytes programmed and erased a byte of payload: 400 records of 12 bytes stored, marked as tried, and removed."""
    world = World()
    world.flash.programmed = world.flash.erased = 0
    for _ in range(400):
        name, _gone = world.box.put(b"123456789012", 1, Instant(100, None), 1, 0, False)
        record = world.box.read(name)
        world.box.mark_tried(record)
        world.box.remove(record.name)
    return world.flash.programmed / 4800, world.flash.erased / 4800


class Careless(outbox.Outbox):
    """Writes in place and marks by writing anew: the judge must see what that costs."""

    def _write(self, name, body):
        with open("%s/%s" % (outbox.FOLDER, name), "wb") as f:
            f.write(body)

    def mark_tried(self, record):
        with open("%s/%s" % (outbox.FOLDER, record.name), "rb") as f:
            body = f.read()
        os.remove("%s/%s" % (outbox.FOLDER, record.name))
        self._write(record.name + "t", body)
        self._names[self._names.index(record.name)] = record.name + "t"


if __name__ == "__main__":
    first, seeds, length, careless = json.loads(sys.argv[1])
    if careless:
        outbox.Outbox = Careless
    total = sum([campaign(seed, length) for seed in range(first, first + seeds)])
    print(json.dumps({"cuts": total, "problems": problems[:20], "wear": wear()}))
