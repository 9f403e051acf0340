"""What was measured and not yet receipted. One file a record: written before it is sent, removed after its receipt.

The name carries priority, number and "t" once it may have left the node, so a power cut between sending and
receipt can only lead to a repeat that says so. A small file sits inside littlefs metadata: one commit to write it.
"""

import os
from binascii import crc32
from struct import pack, unpack

from micropython import const

FOLDER = "/outbox"
_HEAD = "<IIIB"  # mono, utc (0 = unknown), boot epoch, trust
_SIZE = const(13)


class Record:
    """A stored reading. `frame` is encoded as live; `mono` counts in power cycle `epoch`."""

    __slots__ = ("epoch", "frame", "mono", "name", "trust", "utc")

    def __init__(self, name, mono, utc, epoch, trust, frame):
        self.name = name
        self.mono = mono
        self.utc = utc
        self.epoch = epoch
        self.trust = trust
        self.frame = frame

    @property
    def tried(self):
        return self.name.endswith("t")

    @property
    def priority(self):
        return int(self.name[0])

    @property
    def seq(self):
        return int(self.name[1:9], 16)


class Outbox:
    def __init__(self, limit=500):
        self._limit = limit
        self._names = None
        self.next_seq = 0
        try:
            os.mkdir(FOLDER)
        except OSError:
            pass

    def names(self):
        """Names of all records, most urgent and oldest first."""
        if self._names is None:
            self._names = sorted([n for n in os.listdir(FOLDER) if not n.endswith("~")])
            for name in self._names:
                self.next_seq = max(self.next_seq, int(name[1:9], 16) + 1)
        return self._names

    def assume_empty(self):
        """The retained record says so: saves reading the folder at every wake."""
        self._names = []

    def __len__(self):
        return len(self.names())

    def put(self, frame, priority, instant, epoch, trust, sending):
        """Stores a frame; `sending`: it is about to leave. Returns (name, name of a record given up for it or None)."""
        names = self.names()
        dropped = None
        if len(names) >= self._limit:
            dropped = self._least()
            self.remove(dropped)
        name = "%d%08x%s" % (priority, self.next_seq & 0xFFFFFFFF, "t" if sending else "")
        self.next_seq += 1
        body = pack(_HEAD, instant.mono, instant.utc or 0, epoch, trust) + frame
        path = "%s/%s" % (FOLDER, name)
        with open(path + "~", "wb") as f:
            f.write(pack("<I", crc32(body) & 0xFFFFFFFF) + body)
        os.rename(path + "~", path)
        names.append(name)
        names.sort()
        return name, dropped

    def _least(self):
        """The oldest record of the least urgent kind."""
        lowest = self._names[-1][0]
        for name in self._names:
            if name[0] == lowest:
                return name
        return self._names[-1]

    def read(self, name):
        """The record, or None when its file is damaged (it is removed then)."""
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
        """From now on the record may be at the other end."""
        if not record.tried:
            old = record.name
            record.name = old + "t"
            os.rename("%s/%s" % (FOLDER, old), "%s/%s" % (FOLDER, record.name))
            self._names[self._names.index(old)] = record.name

    def remove(self, name):
        """After the receipt."""
        try:
            os.remove("%s/%s" % (FOLDER, name))
        except OSError:
            pass
        if name in self._names:
            self._names.remove(name)
