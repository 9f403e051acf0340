"""What was measured and not yet receipted. One file a record: written before it is sent, removed after its receipt.

The name carries priority, number and "t" once it may have left the node, so a power cut between sending and
receipt can only lead to a repeat that says so. A small file sits inside littlefs metadata: one commit to write it.
What a flash that is full or worn out does not take stays in RAM, and through deep sleep in the memory the board keeps.

A record that has to be given up is counted in a gap marker ("g" in its name), which is stored and sent as a record is. The
marker also holds the number of the record given up last: one that is still there after a power cut goes then.
"""

import gc
import os
from binascii import crc32
from struct import pack, unpack

from micropython import const

from kerb import log

FOLDER = "/outbox"
_HEAD = "<IIIB"  # mono, utc (0 = unknown), boot epoch, trust
_SIZE = const(13)
_GAP = "<HHHI"  # records given up by priority, number of the last one
_GAP_SIZE = const(10)
_RAM_BYTES = const(1200)  # of records that flash did not take: what fits beside the rest in 2 KB of RTC memory


class Record:
    """A stored reading. `frame` is encoded as live, None for a gap marker; `mono` counts in power cycle `epoch`.

    `gap`: records given up by priority, and the number of the last one; None for a reading.
    """

    __slots__ = ("epoch", "frame", "gap", "mono", "name", "trust", "utc")

    def __init__(self, name, mono, utc, epoch, trust, body):
        self.name = name
        self.mono = mono
        self.utc = utc
        self.epoch = epoch
        self.trust = trust
        self.gap = unpack(_GAP, body) if _is_gap(name) and len(body) == _GAP_SIZE else None
        self.frame = None if self.gap else body

    @property
    def tried(self):
        return self.name.endswith("t")

    @property
    def priority(self):
        return int(self.name[0])

    @property
    def seq(self):
        return _seq(self.name)


class Outbox:
    def __init__(self, limit=500):
        self._limit = limit
        self._names = None
        self._ram = {}  # name -> content
        self.next_seq = 0
        self.commits = 0  # changes of the folder in this life
        self.on_put = None  # called before this life first changes what is kept
        try:
            os.mkdir(FOLDER)
        except OSError:
            pass  # there already; if not, storing says what is wrong

    def names(self):
        """Names of all records, most urgent and oldest first."""
        if self._names is None:
            gc.collect()  # hundreds of names after a month without a network are the largest thing a node has to keep
            self._names = names = self._listed()
            names.extend(self._ram)
            names.sort()
            for i, name in enumerate(names):
                if i + 1 == len(names) or names[i + 1][0] != name[0]:  # the newest of its priority
                    self.next_seq = max(self.next_seq, _seq(name) + 1)
            for name in [name for name in names if _is_gap(name)]:
                self._finish(self.read(name))
        return self._names

    def _finish(self, marker):
        """A power cut may have come between the count and the removal of what was counted."""
        if marker and marker.gap:
            number = "%08x" % marker.gap[3]
            for name in [name for name in self._names if name.startswith(number, 1) and not _is_gap(name)]:
                self.remove(name)

    def _listed(self):
        """Names of the files; what a power cut left half written goes."""
        try:
            found = os.listdir(FOLDER)
        except OSError:
            return []
        for name in [name for name in found if name.endswith("~")]:
            _remove(name)
            found.remove(name)
        return found

    def assume_empty(self):
        """The retained record says so: saves reading the folder at every wake."""
        self._names = list(self._ram)

    def pack(self):
        """The records that are in RAM only."""
        return b"".join([pack("<BB", len(name), len(body)) + name.encode() + body for name, body in self._ram.items()])

    def unpack(self, data, exact):
        """Takes them back; as tried unless `exact`: what became of them before a reset is not known."""
        at = 0
        while data and at + 2 <= len(data):
            size, end = data[at], at + 2 + data[at]
            name = str(data[at + 2 : at + 2 + size], "ascii")
            self._ram[name if exact or name.endswith("t") else name + "t"] = data[end : end + data[at + 1]]
            at = end + data[at + 1]

    def __len__(self):
        return len(self.names())

    def put(self, frame, priority, instant, epoch, trust, sending):
        """Stores a frame; `sending`: it is about to leave. Returns (name, names of what was given up for it)."""
        self._changes()
        gone = []
        if len(self.names()) >= self._limit:
            self._give_up_one(self._names, instant, epoch, trust, gone)
        name = self._new_name(priority, "t" if sending else "")
        body = _body(instant, epoch, trust, frame)
        if not self._keep(name, body):
            while len(self.pack()) + 2 + len(name) + len(body) > _RAM_BYTES:
                if not self._give_up_one(sorted(self._ram), instant, epoch, trust, gone):
                    break
            self._ram[name] = body
        self._enlist(name)
        return name, gone

    def _changes(self):
        if self.on_put:
            self.on_put()
            self.on_put = None

    def _give_up_one(self, names, instant, epoch, trust, gone):
        """False when there is nothing to give up."""
        name = _least(names)
        if name:
            self.give_up(name, instant, epoch, trust)
            gone.append(name)
        return bool(name)

    def give_up(self, name, instant, epoch, trust):
        """Removes a record that nobody got, and counts it in the gap marker. Returns the marker's name."""
        counts, marker = [0, 0, 0], None
        for known in self.names():
            if _is_gap(known) and not known.endswith("t"):
                got = self.read(known)
                if got and got.gap:
                    marker, counts = known, list(got.gap[:3])
                break
        kind = min(int(name[0]), 2)
        counts[kind] = min(counts[kind] + 1, 0xFFFF)
        marker = marker or self._new_name(0, "g")
        body = _body(instant, epoch, trust, pack(_GAP, counts[0], counts[1], counts[2], _seq(name)))
        if marker in self._ram or not self._keep(marker, body):
            self._ram[marker] = body
        self._enlist(marker)
        self.remove(name)
        return marker

    def _new_name(self, priority, mark):
        name = "%d%08x%s" % (priority, self.next_seq & 0xFFFFFFFF, mark)
        self.next_seq += 1
        return name

    def _enlist(self, name):
        if name not in self._names:
            self._names.append(name)
            self._names.sort()

    def _keep(self, name, body):
        """Writes a record; False when the flash refuses."""
        try:
            self._write(name, body)
            return True
        except OSError as error:
            log.trouble("flash", error)
            return False

    def _write(self, name, body):
        path = "%s/%s" % (FOLDER, name)
        with open(path + "~", "wb") as f:
            f.write(body)
        os.rename(path + "~", path)
        self.commits += 2

    def read(self, name):
        """The record, or None when its file is damaged (it is removed then)."""
        raw = self._ram.get(name)
        if raw is None:
            try:
                with open("%s/%s" % (FOLDER, name), "rb") as f:
                    raw = f.read()
            except OSError:
                raw = b""
        if len(raw) < 4 + _SIZE or unpack("<I", raw[:4])[0] != crc32(raw[4:]) & 0xFFFFFFFF:
            self.remove(name)
            return None
        mono, utc, epoch, trust = unpack(_HEAD, raw[4 : 4 + _SIZE])
        return Record(name, mono, utc or None, epoch, trust, raw[4 + _SIZE :])

    def mark_tried(self, record):
        """From now on the record may be at the other end. False when that could not be written down."""
        if record.tried:
            return True
        old, new = record.name, record.name + "t"
        if old in self._ram:
            self._changes()
            self._ram[new] = self._ram.pop(old)
        else:
            try:
                os.rename("%s/%s" % (FOLDER, old), "%s/%s" % (FOLDER, new))
                self.commits += 1
            except OSError as error:
                log.trouble("flash", error)
                return False
        record.name = new
        self._names[self._names.index(old)] = new
        return True

    def remove(self, name):
        """After the receipt."""
        if self._ram.pop(name, None) is None:
            _remove(name)
            self.commits += 1
        if name in self._names:
            self._names.remove(name)


def _least(names):
    """The oldest record of the least urgent kind, of names in order; gap markers stay. None: there is nothing else."""
    least = None
    for name in names:
        if not _is_gap(name) and (least is None or name[0] > least[0]):
            least = name
    return least


def _seq(name):
    return int(name[1:9], 16)


def _is_gap(name):
    return len(name) > 9 and name[9] == "g"


def _body(instant, epoch, trust, content):
    body = pack(_HEAD, instant.mono, instant.utc or 0, epoch, trust) + content
    return pack("<I", crc32(body) & 0xFFFFFFFF) + body


def _remove(name):
    try:
        os.remove("%s/%s" % (FOLDER, name))
    except OSError:
        pass  # gone already; or the flash refuses, and the record will go out once more, marked
