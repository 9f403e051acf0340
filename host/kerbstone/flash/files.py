"""The node's files on a board: what differs is sent, what is no longer wanted goes, and all is read back.

The start files leave first and come last: a board that loses power halfway stands at its prompt, not in half a firmware.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping

from kerbstone.errors import FlashError
from kerbstone.flash.link import Link

START = ("/boot.py", "/main.py")
_OURS = "/kerb"  # the folder that is ours alone: what else lies there is old
_CHUNK = 3072  # bytes a script carries: four thirds of it, and its text, fit the smallest heap
_DIGITS = 16  # of SHA-256: 64 bits tell files apart

_PREPARE = """import os, json
from hashlib import sha256
from binascii import a2b_base64
def _walk(d):
    for e in os.ilistdir(d or '/'):
        p = d + '/' + e[0]
        if e[1] & 0x4000:
            yield from _walk(p)
        else:
            yield p
def _sum(p):
    h = sha256()
    with open(p, 'rb') as f:
        b = f.read(1024)
        while b:
            h.update(b)
            b = f.read(1024)
    return h.digest()[:8].hex()
def _have(names):
    r = {}
    for p in names:
        try:
            r[p] = _sum(p)
        except OSError:
            pass
    return r
def _listed(d):
    try:
        return list(_walk(d))
    except OSError:
        return []
def _w(p, t, m):
    with open(p, m) as f:
        f.write(a2b_base64(t))
def _folder(d):
    try:
        os.mkdir(d)
    except OSError:
        pass
def _gone(names):
    for p in names:
        try:
            os.remove(p)
        except OSError:
            pass
"""


def digest(data: bytes) -> str:
    """What the board's own sum of a file looks like."""
    return hashlib.sha256(data).hexdigest()[:_DIGITS]


class Sender:
    """The files of one board, over an open prompt."""

    def __init__(self, link: Link, wanted: Mapping[str, bytes]):
        self._link = link
        self._wanted = wanted
        link.exec(_PREPARE)

    def missing(self) -> tuple[list[str], list[str]]:
        """(files the board has not or has otherwise, files it has and should not), start files last."""
        have = self._link.ask(f"print(json.dumps([_listed({_OURS!r}), _have({[*self._wanted]!r})]))")
        listed, sums = have
        changed = [name for name, data in self._wanted.items() if sums.get(name) != digest(data)]
        return sorted(changed, key=lambda name: (name in START, name)), sorted(set(listed) - set(self._wanted))

    def send(self, names: list[str], tell: Callable[[int, int], None] = lambda done, of: None) -> int:
        """Sends files and returns how many bytes they have. Each is whole under its name, or not there."""
        folders = sorted({"/".join(name.split("/")[:n]) for name in names for n in range(2, name.count("/") + 1)})
        self._link.exec(f"_ = [_folder(d) for d in {folders!r}]")
        total = sum(len(self._wanted[name]) for name in names)
        sent, script, room = 0, "", _CHUNK
        for name in names:
            data = self._wanted[name]
            for at in range(0, max(len(data), 1), _CHUNK):
                part = data[at : at + _CHUNK]
                if len(part) > room:
                    self._link.exec(script)
                    tell(sent, total)
                    script, room = "", _CHUNK
                script += f"_w({name + '~'!r},{b64encode(part)!r},{'ab' if at else 'wb'!r})\n"
                room -= len(part)
                sent += len(part)
            script += f"os.rename({name + '~'!r},{name!r})\n"
        if script:
            self._link.exec(script)
        tell(sent, total)
        return total

    def remove(self, names: list[str]) -> None:
        """Removes files; those that are not there are no mistake."""
        for at in range(0, len(names), 40):
            self._link.exec(f"_gone({names[at : at + 40]!r})")

    def compare(self) -> None:
        """Reads everything back. Raises FlashError with the first file that differs."""
        changed, surplus = self.missing()
        if wrong := [name for name in changed if name not in START] + surplus:
            raise FlashError(f"{wrong[0]} reads back otherwise than it was written: take another board, its flash is worn or too small.")
