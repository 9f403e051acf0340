"""The block device under the file system: reads straight from the flash image, asks the board to write."""

import _link
from micropython import kbd_intr


class FlashDevice:
    def __init__(self, blocks, block_size, first, marks):
        self._image = open(4, "r+b")
        self._blocks = blocks
        self._size = block_size
        self._base = first * block_size  # where the file system begins in the image
        # A byte a block behind the image, 0 for one that was never written; without them all is there (emulator/flash.py).
        self._marks = marks
        self._mark = bytearray(1)
        self._there = bytearray(blocks) if marks else None
        self.look()

    def look(self):
        """Learns which blocks the image has."""
        if self._there:
            self._image.seek(self._marks)
            self._image.readinto(self._there)

    def readblocks(self, block, buf, offset=0):
        if _link.common:
            _link.tell_read(block, offset, len(buf))
        if self._there and not self._there[block]:
            i = len(buf)
            while i:
                i -= 1
                buf[i] = 255
            return
        image = self._image
        image.seek(self._base + block * self._size + offset)
        image.readinto(buf)

    def blank(self):
        """Is the first block erased, as on a new chip?"""
        buf = bytearray(self._size)
        self.readblocks(0, buf)
        return buf == b"\xff" * self._size

    def writeblocks(self, block, buf, offset=None):
        if offset is None:
            _link.flash(_link.FLASH_ERASE, block, 0, None)
            offset = 0
        result = _link.flash(_link.FLASH_WRITE, block, offset, buf)
        if self._there and not self._there[block]:
            # The chip may have refused: what stands in the image holds.
            self._image.seek(self._marks + block)
            self._image.readinto(self._mark)
            self._there[block] = self._mark[0]
        return result

    def ioctl(self, op, arg):
        if op == 4:
            return self._blocks
        if op == 5:
            return self._size
        if op == 6:
            return _link.flash(_link.FLASH_ERASE, arg, 0, None)
        return None


class InterruptibleFlash(FlashDevice):
    """Of a board with a console: Ctrl-C reaches a computing interpreter as a signal, which raises wherever it computes.

    It must not do so amidst an exchange or a read. Writes out what it inherits: each call is one on the way of every block.
    """

    def readblocks(self, block, buf, offset=0):
        kbd_intr(-1)
        image = self._image
        image.seek(self._base + block * self._size + offset)
        image.readinto(buf)
        kbd_intr(_link.break_key)

    def writeblocks(self, block, buf, offset=None):
        kbd_intr(-1)
        try:
            if offset is None:
                _link.flash(_link.FLASH_ERASE, block, 0, None)
                offset = 0
            return _link.flash(_link.FLASH_WRITE, block, offset, buf)
        finally:
            kbd_intr(_link.break_key)

    def ioctl(self, op, arg):
        if op != 6:
            return self._blocks if op == 4 else self._size if op == 5 else None
        kbd_intr(-1)
        try:
            return _link.flash(_link.FLASH_ERASE, arg, 0, None)
        finally:
            kbd_intr(_link.break_key)


class Interruptible:
    """A file system whose every call is a moment for Ctrl-C: within one, an exception would pass through its C code.

    Not stat: `import` looks for its file with it, and takes any exception for "not there" (extmod/vfs.c, mp_vfs_import_stat). On a board
    nothing raises within; here a Ctrl-C would be lost, and the program run on.
    """

    def __init__(self, files):
        self._files = files

    def __repr__(self):
        return repr(self._files)

    def __getattr__(self, name):
        if name != "stat":
            _link.call(_link.NOW)
        return getattr(self._files, name)
