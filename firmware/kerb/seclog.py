"""The device's security log: each entry is chained to all before it, so none can be taken out or changed unseen.

One blob: CBOR [count, head, head before the oldest entry kept, [entries]]; an entry is CBOR [number, mono s, word, how often], and
head = SHA-256(head before + entry), its first 16 bytes. What anybody can provoke is written once an hour at the most: flash wears.
"""

from hashlib import sha256

from kerb import log
from kerb.cbor import decode, encode

NAME = "seclog"
_KEPT = 12
_PAUSE_S = 3600
_START = bytes(16)
_ANYBODY = ("size", "mac", "form", "replay", "plain", "no_device_key")  # words that need no key to bring about


def link(head, entry):
    """The head of the chain after an entry."""
    return sha256(head + entry).digest()[:16]


def read(raw):
    """[count, head, base, entries] of a blob; of an empty log for None or a damaged one."""
    try:
        count, head, base, entries = decode(raw or b"")
        return [count, head, base, entries]
    except (ValueError, TypeError):
        return [0, _START, _START, []]


class SecurityLog:
    def __init__(self, store):
        self._store = store
        self._state = None
        self._waiting = {}  # word -> how often since the last entry was written
        self._next_at = 0

    def state(self):
        if self._state is None:
            self._state = read(self._store.get(NAME))
        return self._state

    def note(self, word, mono):
        """Enters a word; those anybody can provoke at most once an hour, with their number."""
        log.event("security", word)
        self._waiting[word] = self._waiting.get(word, 0) + 1
        if word not in _ANYBODY or mono >= self._next_at:
            self.flush(mono)

    def flush(self, mono):
        """Writes down what waits."""
        if not self._waiting:
            return
        count, head, base, entries = self.state()
        for word, often in sorted(self._waiting.items()):
            count += 1
            entry = encode([count, mono, word, often])
            entries.append(entry)
            head = link(head, entry)
        while len(entries) > _KEPT:
            base = link(base, entries.pop(0))
        self._waiting = {}
        self._next_at = mono + _PAUSE_S
        self._state = [count, head, base, entries]
        try:
            self._store.put(NAME, encode(self._state))
        except OSError as error:
            log.trouble("flash", error)
