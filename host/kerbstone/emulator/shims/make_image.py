"""Run by MicroPython: writes files into a fresh littlefs image (argument: a JSON order)."""

import json
import os
import sys

import vfs


class Image:
    """Block device over an erased image file (emulator/flash.py); a block gets its place in the file when it is first written."""

    def __init__(self, path, blocks):
        self._file = open(path, "r+b")
        self._blocks = blocks
        self._there = bytearray(blocks)
        self._erased = b"\xff" * 4096

    def readblocks(self, block, buf, offset=0):
        if self._there[block]:
            self._file.seek(block * 4096 + offset)
            self._file.readinto(buf)
        else:
            buf[:] = self._erased[: len(buf)]

    def writeblocks(self, block, buf, offset=None):
        if not self._there[block]:
            self._there[block] = 1
            self._file.seek(block * 4096)
            self._file.write(self._erased)
        self._file.seek(block * 4096 + (offset or 0))
        self._file.write(buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self._blocks
        if op == 5:
            return 4096
        return 0

    def close(self):
        """Notes which blocks were written."""
        self._file.seek(self._blocks * 4096)
        self._file.write(self._there)
        self._file.close()


with open(sys.argv[1]) as f:
    path, blocks, listing = json.load(f)
image = Image(path, blocks)
vfs.VfsLfs2.mkfs(image)
fs = vfs.VfsLfs2(image)
vfs.mount(fs, "/image")
for name, source in listing:
    parts = name.strip("/").split("/")
    for depth in range(1, len(parts)):
        folder = "/image/" + "/".join(parts[:depth])
        try:
            os.mkdir(folder)
        except OSError:
            pass
    with open(source, "rb") as f:
        data = f.read()
    with open("/image" + name, "wb") as f:
        f.write(data)
vfs.umount("/image")
image.close()
print("done")
