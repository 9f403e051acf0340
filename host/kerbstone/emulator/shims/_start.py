"""What the chip's ROM and the port's start-up do before boot.py: find the flash, mount it, run it."""

import sys

# The script's own folder holds the shims; it stays first on the path, as the port's built-in modules would.
_HERE = sys.path[0] if sys.path[0] else sys.argv[0].rsplit("/", 1)[0]
sys.path[:] = [_HERE, ".frozen"]

import json

import _link

_link.hello.update(json.loads(sys.argv[1]))

import gc
import os
import random
import struct  # noqa: F401
import time  # noqa: F401

import machine
import vfs
from _flashdev import FlashDevice

if _link.hello["port"] == "esp32":
    import esp32  # noqa: F401

# Built-in modules that a file may replace: each import looks for that file first, in every folder of the path.
_BUILT_IN = ("array", "binascii", "collections", "cryptolib", "errno", "hashlib", "heapq", "io", "json", "random", "re", "struct")
for _name in _BUILT_IN:
    sys.modules[_name] = __import__(_name)

vfs.umount("/")
vfs.mount(vfs.VfsPosix(_HERE), "/port")
_announce = open(int(sys.argv[2]), "wb") if len(sys.argv) > 2 else None
gc.collect()
# Up to here every boot is the same, and a warm interpreter has it behind it (engine/warm.py).
_link.start(_announce)

_hello = _link.hello
random.seed(_hello["random_seed"])
if _hello["rom"]:
    # The read-only partition from which newer ports import; here it holds the firmware.
    vfs.mount(vfs.VfsPosix(_hello["rom"]), "/rom")
_device = FlashDevice(_hello["flash_blocks"], _hello["flash_block_size"])
try:
    vfs.mount(vfs.VfsLfs2(_device, readsize=256), "/")
except OSError:
    # The RP2 port formats what it cannot mount; the ESP32 port stops and says so.
    if _hello["port"] != "rp2":
        print("The filesystem appears to be corrupted.")
        machine.reset()
    vfs.VfsLfs2.mkfs(_device)
    vfs.mount(vfs.VfsLfs2(_device, readsize=256), "/")
os.chdir("/")
_files = os.listdir("/")
for _name in _files + os.listdir("/lib") if "lib" in _files else _files:
    if _name.split(".")[0] in _BUILT_IN:
        sys.modules.pop(_name.split(".")[0], None)
sys.path[:] = ["", "/port", "/rom", ".frozen", "/lib"]
sys.modules.pop("__main__", None)


def _run(name):
    try:
        with open(name) as f:
            source = f.read()
    except OSError:
        return
    exec(compile(source, name, "exec"), {"__name__": "__main__"})


try:
    _run("boot.py")
    _run(_hello["script"] or "main.py")
except SystemExit:
    pass
except BaseException as error:
    sys.print_exception(error)
    _link.ask("crashed", str(type(error)), str(error))
_link.ask("ended")
