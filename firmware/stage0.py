"""Which application starts: the selector, the check of a slot's files, the count of its failures, the way back.

Flashed once and never updated, so it needs nothing of the package whose health it judges. An application lives in the factory's place
(/rom or /), or in a slot: a folder with the whole package and a list of its files. The selector is one record, written beside and renamed
over: a power cut leaves the old one or the new one.
"""

import os
import sys
from binascii import crc32
from hashlib import sha256
from struct import calcsize, pack, unpack

ROOT = "/slots"
FACTORY = 0
NAMES = ("", "a", "b")
CONFIRMED, TRIAL, PROBATION = 0, 1, 2  # TRIAL: has not reached the network yet
IMAGE = 3  # an ESP32's interpreter is on trial, below the application: the bootloader has the way back
STRIKES = 3  # starts that did not end in an orderly sleep, until a slot on trial or probation is left
REASONS = ("", "strikes", "digest", "import", "crash", "silent", "asked")
_MAGIC = b"KSL1"
_FORM = "<4sBBBBBBIIII32s32s"
_PIECE = 512


class Selector:
    """`slot` starts; `before` is what a failure goes back to. Numbers: `floor`, the highest ever started; `failed`, the last left."""

    def __init__(self, raw=None):
        if raw is None:
            self.slot = self.state = self.strikes = self.running = self.before = self.reason = 0
            self.sequence = self.floor = self.failed = self.since = 0
            self.digest = self.before_digest = bytes(32)
            return
        (
            _, self.slot, self.state, self.strikes, self.running, self.before, self.reason,
            self.sequence, self.floor, self.failed, self.since, self.digest, self.before_digest,
        ) = unpack(_FORM, raw)  # fmt: skip

    def pack(self):
        return pack(
            _FORM, _MAGIC, self.slot, self.state, self.strikes, self.running, self.before, self.reason,
            self.sequence, self.floor, self.failed, self.since, self.digest, self.before_digest,
        )  # fmt: skip

    def fall_back(self, reason):
        """The slot is left for the one before; that one has been confirmed once, but is checked like any other."""
        self.failed = self.sequence
        self.slot, self.digest = self.before, self.before_digest
        self.before, self.before_digest = FACTORY, bytes(32)
        self.state = self.strikes = self.running = self.sequence = 0
        self.reason = REASONS.index(reason)


current = Selector()  # of this life, once choose() has run


def load():
    """The selector; a fresh one, which names the factory, when there is none or it is damaged."""
    size = calcsize(_FORM)
    try:
        with open(ROOT + "/selector", "rb") as f:
            raw = f.read(size + 5)
    except OSError:
        raw = b""
    if len(raw) != size + 4 or raw[:4] != _MAGIC or unpack("<I", raw[size:])[0] != crc32(raw[:size]) & 0xFFFFFFFF:
        return Selector()
    found = Selector(raw[:size])
    return found if found.slot < 3 and found.before < 3 else Selector()


def save(selector):
    """On flash when it returns. Raises OSError when flash refuses."""
    raw = selector.pack()
    path = ROOT + "/selector"
    with open(path + "~", "wb") as f:
        f.write(raw + pack("<I", crc32(raw) & 0xFFFFFFFF))
    os.rename(path + "~", path)


def folder(slot):
    return "%s/%s" % (ROOT, NAMES[slot])


def hash_file(path):
    """(bytes, SHA-256) of a file. Raises OSError."""
    h = sha256()
    piece = bytearray(_PIECE)
    view = memoryview(piece)
    size = 0
    with open(path, "rb") as f:
        while True:
            n = f.readinto(piece)
            if not n:
                return size, h.digest()
            h.update(view[:n])
            size += n


def rows(path):
    """(path, bytes, SHA-256 in hexadecimal) of each line of a list. Raises ValueError or OSError."""
    with open(path) as f:
        for line in f:
            name, size, digest = line.split()
            yield name, int(size), digest


def whole(slot, digest):
    """Whether the list of a slot has this SHA-256, and every file on it its own."""
    here = folder(slot)
    try:
        if hash_file(here + "/list")[1] != digest:
            return False
        for name, size, wanted in rows(here + "/list"):
            if hash_file("%s/%s" % (here, name)) != (size, bytes.fromhex(wanted)):
                return False
    except (OSError, ValueError):
        return False
    return True


def _woke():
    """True after deep sleep: the files were checked when this life of the supply began. An RP2040 calls that a watchdog's reset."""
    import machine

    return machine.reset_cause() == getattr(machine, "DEEPSLEEP_RESET", machine.WDT_RESET)


def choose():
    """Counts the start, checks the files, falls back as far as it must; puts the folder in front of the path."""
    global current
    current = load()
    s = current
    changed, left = False, s.slot
    if s.slot and s.state in (TRIAL, PROBATION):
        changed = True
        if s.running:
            s.strikes += 1
        s.running = 1
        if s.strikes >= STRIKES:
            s.fall_back("strikes")
    # A hundred kilobytes at each wake would cost more than the wake: hashed after every other reset, and at each start on trial.
    if s.slot and (s.state == TRIAL or left != s.slot or not _woke()):
        while s.slot and not whole(s.slot, s.digest):
            s.fall_back("digest")
            changed = True
    if changed:
        try:
            save(s)
        except OSError:
            pass  # a worn flash: what was decided holds for this life
        if left != s.slot:
            print("kerb update reverted", REASONS[s.reason], s.failed)
    if s.slot:
        sys.path.insert(0, folder(s.slot))


def abandon(reason):
    """Leaves what is on trial or probation for what was before, and starts that. Returns only when there is nothing to leave."""
    if current.state == IMAGE:
        import machine

        current.reason = REASONS.index(reason)
        save(current)
        machine.reset()
    if current.slot and current.state:
        import machine

        current.fall_back(reason)
        save(current)
        print("kerb update reverted", reason, current.failed)
        machine.reset()


def settle():
    """Before deep sleep: this start ended well."""
    if current.running:
        current.running = 0
        save(current)


def confirm(now_s):
    """The network has acknowledged a record: from trial to probation, from probation to good. `now_s`: seconds since power-on."""
    current.state = PROBATION if current.state == TRIAL else CONFIRMED
    current.strikes = 0
    current.running = int(current.state != CONFIRMED)
    current.since = now_s
    current.reason = 0
    save(current)
