"""Runs in MicroPython: the supply fails at every flash operation of updates, and again in the recovery; what then starts must be whole.

Argument: a JSON file with "chip", "config" (the table "update"), "apps" (a list of {path: hex}), "bundles" (from each application to the
next), "rotation", "stride" of the second cut, "all": clean and torn at each operation, not in turns, and "careless": a selector written in
place. Prints a line of JSON: cuts, problems, refusals.
"""

import json
import os
import sys

import vfs

_ORDER = sys.argv[1]
with open(_ORDER) as f:
    order = json.load(f)


class machine:
    WDT_RESET = 3
    cause = 1

    @staticmethod
    def reset_cause():
        return machine.cause

    @staticmethod
    def reset():
        raise SystemExit


if order["chip"] == "esp32":
    machine.DEEPSLEEP_RESET = 4
sys.modules["machine"] = machine

import stage0
from kerb import log, prove, store  # noqa: F401
from kerb.update import agent, envelope, inbox, install, lms, manifest, patch, probation  # noqa: F401
from kerb.uplink.lorawan.packages import fragments  # noqa: F401

BLOCK, BLOCKS, CACHE = 4096, 80, 256
problems = []
told = set()
log.event = lambda *words: told.add(" ".join([str(w) for w in words[:3]]))
stage0.print = lambda *words: None


class Supply:
    """NOR flash in RAM with a supply that fails in operation `at`, with `torn` quarters of it done."""

    def __init__(self):
        self.cells = bytearray(b"\xff" * (BLOCK * BLOCKS))
        self.view = memoryview(self.cells)
        self.erased = b"\xff" * BLOCK
        self.arm(0, 0)

    def arm(self, at, torn):
        self.at, self.torn, self.count, self.dead = at, torn, 0, False

    def share(self):
        if self.dead:
            return 0
        self.count += 1
        if self.count == self.at:
            self.dead = True
            return self.torn
        return 4

    def readblocks(self, block, buf, offset=0):
        if self.dead:
            return -5
        at = block * BLOCK + offset
        buf[:] = self.view[at : at + len(buf)]
        return 0

    def writeblocks(self, block, buf, offset=0):
        n = len(buf) * self.share() // 4
        at = block * BLOCK + offset
        # littlefs programs erased cells alone; a cell a cut has left behind it erases first.
        self.cells[at : at + n] = buf[:n]
        return -5 if self.dead else 0

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6:
            n = BLOCK * self.share() // 4
            if n:
                self.cells[arg * BLOCK : arg * BLOCK + n] = self.erased[:n]
            return -5 if self.dead else 0
        return 0


supply = Supply()


def mount():
    try:
        vfs.umount("/")
    except OSError:
        pass
    supply.arm(0, 0)
    vfs.mount(vfs.VfsLfs2(supply, readsize=CACHE), "/")


def boot():
    """Stage 0 as boot.py runs it; the folder of what starts."""
    sys.path[:] = [""]
    stage0.current = None
    sys.modules["stage0"] = stage0
    try:
        os.stat("/slots/selector")
    except OSError:
        return ""
    stage0.choose()
    return sys.path[0]


APPS = [{path: bytes.fromhex(data) for path, data in app.items()} for app in order["apps"]]


def running(folder):
    """Index of the application that lies whole in a folder; None when none does."""
    for i, app in enumerate(APPS):
        for path, data in app.items():
            try:
                with open("%s/%s" % (folder, path), "rb") as f:
                    if f.read() != data:
                        break
            except OSError:
                break
        else:
            return i
    return None


def update():
    one = agent.Agent(order["config"])
    inbox.prepare(3.6)
    one.run()


def receive(pieces):
    def action():
        for piece in pieces:
            inbox.take(piece)

    return action


def judge():
    probation.judge(True, 100)


def settle():
    stage0.settle()


def later():
    stage0.current.since = 1
    probation.judge(True, 200000)


def abandon():
    try:
        stage0.abandon("crash")
    except SystemExit:
        pass


def start():
    """A start that nothing follows: the supply fails, or the watchdog bites."""


def steps():
    """(what, what the node does, applications that may start after a cut in it: the last when it ends well)."""
    live = [judge, settle, later]
    for i, pieces in enumerate(order["bundles"]):
        pieces = [bytes.fromhex(piece) for piece in pieces]
        yield "receive %d" % i, receive(pieces), (i,)
        yield "install %d" % i, update, (i, i + 1)
        for action in live:
            yield "%s %d" % (("judge", "settle", "later")[live.index(action)], i), action, (i + 1,)
    last = len(order["bundles"])
    pieces = [bytes.fromhex(piece) for piece in order["failing"]]
    yield "receive failing", receive(pieces), (last,)
    yield "install failing", update, (last, last + 1)
    yield "crash", abandon, (last + 1, last)
    yield "receive keys", receive([bytes.fromhex(piece) for piece in order["rotation"]]), (last,)
    yield "keys", update, (last,)


def finish(name, action):
    """What the recovered node does next: an installation goes on, and ends in the new application."""
    try:
        action()
    except SystemExit:
        pass


def look(text, allowed):
    """Boots, and holds what starts against what may; returns the flash operations that took."""
    mount()
    found = running(boot())
    if found not in allowed:
        problems.append("%s: application %s starts, not one of %s" % (text, found, allowed))
    return supply.count


_HURT, _BEFORE, _AFTER = bytearray(BLOCK * BLOCKS), bytearray(BLOCK * BLOCKS), bytearray(BLOCK * BLOCKS)


def cut(name, action, allowed, cells, at, torn):
    """One cut, the recovery, cuts in that; how many."""
    text = "%s, cut %d.%d" % (name, at, torn)
    supply.cells[:] = cells
    mount()
    boot()
    supply.arm(at, torn)
    try:
        action()
    except (OSError, SystemExit):
        pass
    supply.at = 0
    _HURT[:] = supply.cells
    recovery = look(text, allowed)
    if name[:7] == "install" and running(sys.path[0]) == allowed[0] and not at % 5:
        supply.arm(0, 0)
        finish(name, action)
        look(text + ", gone on", allowed[1:])
    count = 1
    for second in range(1, recovery + 1):
        for half in (0, 2):
            count += 1
            supply.cells[:] = _HURT
            mount()
            supply.arm(second, half)
            try:
                boot()
            except OSError:
                pass
            look("%s, then %d.%d" % (text, second, half), allowed)
    if name[:7] == "install":
        count += again(text, action, allowed)
    return count


def again(text, action, allowed):
    """The installation goes on after the cut, and is cut too, at every `stride`-th operation."""
    global first
    first = first % order["stride"] + 1
    count = 0
    for second in range(first, 100000, order["stride"]):
        supply.cells[:] = _HURT
        mount()
        boot()
        supply.arm(second, 2)
        try:
            action()
        except (OSError, SystemExit):
            pass
        if not supply.dead:
            break
        count += 1
        look("%s, gone on, cut %d" % (text, second), allowed)
    return count


first = 0


def careless(selector):
    with open(stage0.ROOT + "/selector", "wb") as f:
        raw = selector.pack()
        f.write(raw[:20])
        f.flush()
        os.remove(stage0.ROOT + "/selector")
        with open(stage0.ROOT + "/selector", "wb") as g:
            g.write(raw + stage0.pack("<I", stage0.crc32(raw) & 0xFFFFFFFF))


def main():
    vfs.umount("/")
    vfs.VfsLfs2.mkfs(supply)
    mount()
    os.mkdir("/slots")
    for path in ("/kerb", "/kerb/apps"):
        os.mkdir(path)
    for path, data in APPS[0].items():
        with open("/" + path, "wb") as f:
            f.write(data)
    with open("/slots/list", "w") as f:
        f.write(order["list"])
    if order["careless"]:
        stage0.save = careless
    total = 0
    for name, action, allowed in steps():
        cells, after = _BEFORE, _AFTER
        cells[:] = supply.cells
        mount()
        boot()
        supply.arm(0, 0)
        try:
            action()
        except SystemExit:
            pass
        operations = supply.count
        after[:] = supply.cells
        for at in range(1, operations + 1):
            for torn in (0, 1, 3) if order["all"] else ((0, 1, 3)[at % 3],):
                total += cut(name, action, allowed, cells, at, torn)
        supply.cells[:] = after
        look(name, allowed[-1:])
        supply.cells[:] = after
        if problems and order["careless"]:
            break
    print(json.dumps({"cuts": total, "problems": problems[:20], "told": sorted(told)}))


main()
