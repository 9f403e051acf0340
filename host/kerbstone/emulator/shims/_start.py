"""What the chip's ROM and the port's start-up do before boot.py: find the flash, mount it, run it."""

import sys

# The script's own folder holds the shims; it stays first on the path, as the port's built-in modules would.
_HERE = sys.path[0] if sys.path[0] else sys.argv[0].rsplit("/", 1)[0]
sys.path[:] = [_HERE, ".frozen"]

import _link

_hello = _link.start()

import os
import random

import machine
import vfs
from _flashdev import FlashDevice, Interruptible
from _rom import Rom

random.seed(_hello["random_seed"])
vfs.umount("/")
vfs.mount(vfs.VfsPosix(_HERE), "/port")
if _hello["rom"]:
    # The read-only partition from which newer ports import; here it holds the firmware.
    vfs.mount(Rom(vfs.VfsPosix(_hello["rom"]), *_hello["import_cost"]), "/rom")
_device = FlashDevice(_hello["flash_blocks"], _hello["flash_block_size"], _hello.get("flash_first", 0))


def _mount():
    files = vfs.VfsLfs2(_device, readsize=256)
    vfs.mount(Interruptible(files) if "console" in _hello else files, "/")


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
sys.path[:] = ["", "/port", "/rom", ".frozen", "/lib"]
sys.modules.pop("__main__", None)


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
        _run("boot.py")
        _run("main.py")
    except SystemExit:
        pass
    except BaseException as error:
        sys.print_exception(error)
        _link.ask("crashed", str(type(error)), str(error))
    _link.ask("ended")
