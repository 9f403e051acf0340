"""`random` of the port: the module takes its seed from the chip's noise when it is first imported."""

import sys

import _link

_path = sys.path[:]
sys.path[:] = []
_self = sys.modules.pop("random", None)
import random as _real

sys.path[:] = _path
sys.modules["random"] = _self  # else every file that asks for it would import it again
_real.seed(_link.own("random_seed"))
for _name in dir(_real):
    if _name[0] != "_":
        globals()[_name] = getattr(_real, _name)
