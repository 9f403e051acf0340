"""From a received bundle to a slot on trial. Interrupted anywhere, it goes on with the files that are done.

A bundle: "KUP1", length of the envelope, the envelope, then for every component of the manifest a kind (0: as it is in the running
application, 1: the whole file, 2: a patch of the running one, see patch.py), for the last two a length, and bytes. Numbers are LEB128.
With a base in the manifest the components are what changes, and all other files come from the running application.
"""

import os
from binascii import crc32, hexlify
from hashlib import sha256

import stage0
from kerb.update import patch
from kerb.update.envelope import LIMIT, Refused, open_envelope
from kerb.update.manifest import Manifest

MAGIC = b"KUP1"
_KEEP, _WHOLE, _PATCH = 0, 1, 2
_BLOCK = 4096  # a file of a slot takes at least one
_SPARE = 8  # blocks the node's own records must keep


def read_bundle(f, trusted, feed=None):
    """The manifest at the head of a bundle; the file then stands at the first component. Raises Refused."""
    if f.read(4) != MAGIC:
        raise Refused("form")
    size = patch.number(f)
    if size > LIMIT:
        raise Refused("size", "%d bytes of manifest" % size)
    data = f.read(size)
    if len(data) != size:
        raise Refused("truncated")
    return Manifest(open_envelope(data, trusted, feed))


class Target:
    """What this node is, and what it runs. `config`: the table "update" of node.json. `port`: (major, minor, micro). `mpy`: its format."""

    def __init__(self, config, port, mpy, selector):
        self.config = config
        self.port = port
        self.mpy = mpy
        self.selector = selector

    def source(self, path):
        """Where a file of the running application lies."""
        if self.selector.slot:
            return "%s/%s" % (stage0.folder(self.selector.slot), path)
        try:
            os.stat("/" + path)
            return "/" + path
        except OSError:
            return "/rom/" + path

    def list_path(self):
        """The list of the running application's files; the factory's was flashed with it."""
        return (stage0.folder(self.selector.slot) if self.selector.slot else stage0.ROOT) + "/list"

    def check(self, manifest, battery_v=None):
        """Raises Refused with the first reason that holds."""
        m, own = manifest, self.config
        if m.vendor.hex() != own["vendor"] or m.klass.hex() != own["class"]:
            raise Refused("class")
        floor = max(self.selector.floor, own.get("sequence", 0))
        if m.sequence in (floor, self.selector.failed):
            raise Refused("replayed", "number %d" % m.sequence)
        if m.sequence < floor:
            raise Refused("older", "number %d after %d" % (m.sequence, floor))
        # Of an image: what the new interpreter reads, so that it starts the applications that are here.
        if m.port > self.port or (m.mpy and m.mpy != self.mpy) or (m.image and m.image[2] != own.get("image")):
            raise Refused("port")
        if m.base and m.base != self.base():
            raise Refused("depends", "another application runs")
        for path, digest in m.depends.items():
            if _hash(self.source(path)) != digest:
                raise Refused("depends", path)
        least_v = own.get("min_battery_v", 0)
        if battery_v is not None and battery_v < least_v:
            raise Refused("battery", "%.2f V" % battery_v)

    def base(self):
        """The SHA-256 of the running application's list, which names it."""
        return _hash(self.list_path())


def _hash(path):
    try:
        return stage0.hash_file(path)[1]
    except OSError:
        return None


def plan(target, manifest):
    """(path, bytes, SHA-256, whether it is a component) of each file of the new application, by path: one at a time, for want of room.

    Raises Refused.
    """
    components = manifest.components
    if not manifest.base:
        for path, digest, size in components:
            yield path, size, digest, True
        return
    at = 0
    try:
        for path, size, digest in stage0.rows(target.list_path()):
            while at < len(components) and components[at][0] <= path:
                yield components[at][0], components[at][2], components[at][1], True
                at += 1
            if not at or components[at - 1][0] != path:
                yield path, size, bytes.fromhex(digest), False
    except (OSError, ValueError):
        raise Refused("depends", "no list of files")
    for path, digest, size in components[at:]:
        yield path, size, digest, True


def _mark(path):
    """A small number for a path; where two share one, a file that is no longer needed stays."""
    return crc32(path.encode()) & 0x3FFFFFFF


def list_text(files):
    """The list stage 0 reads, as pieces of text."""
    for path, size, digest, _ in files:
        yield "%s %d %s\n" % (path, size, str(hexlify(digest), "ascii"))


def _room(files, here):
    """Raises Refused when the file system cannot hold the slot."""
    info = os.statvfs(stage0.ROOT)
    free = info[0] * info[3]
    need = _SPARE * _BLOCK
    for path, size, _, _ in files:
        need += (size + _BLOCK - 1) // _BLOCK * _BLOCK
        try:
            free += (os.stat("%s/%s" % (here, path))[6] + _BLOCK - 1) // _BLOCK * _BLOCK
        except OSError:
            pass
    if need > free:
        raise Refused("size", "%d bytes wanted, %d free" % (need, free))


def _mkdirs(path):
    """The folders of a file's path."""
    at = path.find("/", 1)
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError:
            pass  # it is there; or the file's own open says what is wrong
        at = path.find("/", at + 1)


def clear(here, keep, prefix=""):
    """Removes files of a folder whose marks are not in `keep`."""
    try:
        entries = list(os.ilistdir(here + prefix))
    except OSError:
        return
    for entry in entries:
        path = "%s/%s" % (prefix, entry[0])
        if entry[1] == 0x4000:
            clear(here, keep, path)
        elif _mark(path[1:]) not in keep:
            os.remove(here + path)


def install(target, f, manifest, feed=None):
    """Fills the slot that does not run, checks it, and puts it on trial. `f` stands where read_bundle() left it.

    Raises Refused, and OSError when flash refuses. Whatever happens, the selector names whole applications only.
    """
    s = target.selector
    slot = 2 if s.slot == 1 else 1
    here = stage0.folder(slot)
    _room(plan(target, manifest), here)
    if s.before == slot:
        # What was the way back is about to be overwritten.
        s.before, s.before_digest = stage0.FACTORY, bytes(32)
        stage0.save(s)
    try:
        os.remove(here + "/list")
    except OSError:
        pass
    clear(here, {_mark(row[0]) for row in plan(target, manifest)})
    for path, digest, size in manifest.components:
        _component(target, f, here, (path, size, digest))
        if feed:
            feed()
    if f.read(1):
        raise Refused("form", "bytes left over")
    for row in plan(target, manifest):
        if not row[3] and not _done(here, row):
            _make(here, row, lambda out, path=row[0]: _from_running(target, path, out))
            if feed:
                feed()
    return _activate(target, slot, here, manifest)


def _done(here, row):
    try:
        return stage0.hash_file("%s/%s" % (here, row[0])) == (row[1], row[2])
    except OSError:
        return False


def _component(target, f, here, row):
    kind = f.read(1)
    if not kind or kind[0] > _PATCH:
        raise Refused("form" if kind else "truncated")
    length = patch.number(f) if kind[0] else 0
    if kind[0] == _WHOLE and length != row[1]:
        raise Refused("digest", row[0])
    if _done(here, row):
        f.seek(f.tell() + length)
        return
    if kind[0] == _WHOLE:
        _make(here, row, lambda out: patch.copy(f, out, length))
    elif kind[0] == _KEEP:
        _make(here, row, lambda out: _from_running(target, row[0], out))
    else:

        def patched(out):
            with _open(target, row[0]) as old:
                patch.apply(old, f, length, out, row[1])

        _make(here, row, patched)


def _from_running(target, path, out):
    with _open(target, path) as old:
        while True:
            piece = old.read(512)
            if not piece:
                return
            out.write(piece)


def _open(target, path):
    try:
        return open(target.source(path), "rb")
    except OSError:
        raise Refused("depends", path)


def _make(here, row, write):
    """Writes one file of the slot, and reads it back."""
    path = "%s/%s" % (here, row[0])
    _mkdirs(path)
    with open(path, "wb") as out:
        write(out)
    if not _done(here, row):
        os.remove(path)
        raise Refused("digest", row[0])


def _activate(target, slot, here, manifest):
    h = sha256()
    with open(here + "/list", "wb") as f:
        for line in list_text(plan(target, manifest)):
            line = line.encode()
            h.update(line)
            f.write(line)
    digest = h.digest()
    if not stage0.whole(slot, digest):
        raise Refused("flash")
    s = target.selector
    s.before, s.before_digest = s.slot, s.digest
    s.slot, s.digest = slot, digest
    s.state, s.strikes, s.running, s.since = stage0.TRIAL, 0, 0, 0
    s.sequence = s.floor = manifest.sequence
    s.reason = 0
    stage0.save(s)
    return s
