"""`os` of the port, with the board's own name and its hardware random numbers."""

import sys

import _link

_path = sys.path[:]
sys.path[:] = []
_self = sys.modules.pop("os", None)
import os as _real

sys.path[:] = _path
sys.modules["os"] = _self  # else every file that asks for it would import it again
for _name in dir(_real):
    if _name[0] != "_" and _name not in ("system", "getenv", "putenv", "unsetenv", "errno"):
        globals()[_name] = getattr(_real, _name)


def urandom(n):
    out = b""
    while len(out) < n:
        _link.call(_link.CALL, 1, min(n - len(out), _link.ROOM))
        out += _link.data()
    return out


def uname():
    from collections import namedtuple

    h = _link.hello
    uname_result = namedtuple("uname_result", ("sysname", "nodename", "release", "version", "machine"))
    return uname_result(h["sysname"], h["sysname"], "1.29.0", "v1.29.0", h["machine"])


def sync():
    pass


if "console" in (_link.hello or ()):  # no board: the maker of images
    _own = ("port", "rom")  # where the shims and the read-only partition hang: no board shows them

    def ilistdir(path="."):
        root = path == "/" or (path in ("", ".") and _real.getcwd() == "/")
        for entry in _real.ilistdir(path):
            if not root or entry[0] not in _own:
                yield entry

    def listdir(path="."):
        return [entry[0] for entry in ilistdir(path)]
