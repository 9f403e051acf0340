"""What the chip's ROM and the port's start-up do before boot.py: find the flash, mount it, run it."""

import sys

# The script's own folder holds the shims; it stays first on the path, as the port's built-in modules would.
_HERE = sys.path[0] if sys.path[0] else sys.argv[0].rsplit("/", 1)[0]
sys.path[:] = [_HERE, ".frozen"]

import json

import _link

_link.hello.update(json.loads(sys.argv[1]))

import builtins
import gc
import os
import struct  # noqa: F401
import time  # noqa: F401

import machine
import vfs
from _flashdev import FlashDevice, Interruptible, InterruptibleFlash
from _rom import Rom

if _link.hello["port"] == "esp32":
    import esp32  # noqa: F401

# Built-in modules that a file may replace: each import looks for that file first, in every folder of the path.
_BUILT_IN = ("array", "binascii", "collections", "cryptolib", "errno", "hashlib", "heapq", "io", "json", "re", "struct")
for _name in _BUILT_IN:
    sys.modules[_name] = __import__(_name)

def _room_for_names():
    """Makes the interpreter's table of names grow now.

    It doubles when it is full, in one piece. On a board the names of the port are in ROM; here they fill the table up to where
    the next doubling would come in the middle of the firmware's life, larger than any on a board.
    """
    for i in range(3840):
        before = gc.mem_alloc()
        getattr(gc, "_%d" % i, None)
        if gc.mem_alloc() - before > 20000:
            return


vfs.umount("/")
vfs.mount(vfs.VfsPosix(_HERE), "/port")
gc.collect()
_room_for_names()
_announce = open(int(sys.argv[2]), "wb") if len(sys.argv) > 2 else None
gc.collect()
# Up to here every boot is the same, and a warm interpreter has it behind it (engine/warm.py).
_link.start(_announce)

_hello = _link.hello
if _hello["rom"]:
    # The read-only partition from which newer ports import; here it holds the firmware.
    vfs.mount(Rom(vfs.VfsPosix(_hello["rom"]), *_hello["import_cost"], _hello["work_us"]), "/rom")
_flash = InterruptibleFlash if "console" in _hello else FlashDevice
_device = _flash(_hello["flash_blocks"], _hello["flash_block_size"], _hello["flash_first"], _hello["flash_marks"])


def _mount():
    _link.mounting = 1
    files = vfs.VfsLfs2(_device, readsize=256)
    vfs.mount(Interruptible(files) if "console" in _hello else files, "/")
    _link.mounting = 0


_builtin_open = open


def _watched_open(path, mode="r", *args, **kwargs):
    if mode[0] != "r" or "+" in mode:
        _link.written = 1
    return _builtin_open(path, mode, *args, **kwargs)


def _apart():
    """The common beginning has ended; since it was computed, the flash may have changed where only the mount looked."""
    builtins.open = _builtin_open
    _device.look()
    if _link.hello["remount"]:
        here = os.getcwd()
        vfs.umount("/")
        _mount()
        os.chdir(here)


if _link.common:
    builtins.open = _watched_open
    _link.on_diverge = _apart
try:
    _mount()
except OSError:
    # The RP2 port formats what it cannot mount; the ESP32 port only what is blank, else it stops and says so.
    if _hello["port"] != "rp2" and not _device.blank():
        print("The filesystem appears to be corrupted.")
        machine.reset()
    vfs.VfsLfs2.mkfs(_device)
    _mount()
os.chdir("/")
_files = os.listdir("/")
for _name in _files + os.listdir("/lib") if "lib" in _files else _files:
    if _name.split(".")[0] in _BUILT_IN:
        sys.modules.pop(_name.split(".")[0], None)
sys.path[:] = ["", "/port", "/rom", ".frozen", "/lib"]
sys.modules.pop("__main__", None)
sys.modules.pop("os", None)  # a file on the flash may stand in its place
if _hello["tls"]:
    # Built in, and no file replaces it: only its name does.
    import _tls

    sys.modules["tls"] = _tls


def _run(name):
    try:
        with open(name) as f:
            source = f.read()
    except OSError:
        return
    exec(compile(source, name, "exec"), {"__name__": "__main__"})


if "console" in _hello:
    import _console

    _console.start(globals())
else:
    try:
        for _name in _hello["scripts"]:
            _run(_name)
    except SystemExit:
        pass
    except BaseException as error:
        sys.print_exception(error)
        _link.ask("crashed", str(type(error)), str(error))
    _link.ask("ended")
