"""The block device under the file system: reads straight from the flash image, asks the board to write."""

import _link


class FlashDevice:
    def __init__(self, blocks, block_size):
        self._image = open(4, "r+b")
        self._blocks = blocks
        self._size = block_size
        # A byte a block behind the image, 0 for one that was never written; without them all is there (emulator/flash.py).
        self._image.seek(blocks * block_size)
        there = bytearray(blocks)
        self._there = there if self._image.readinto(there) == blocks else None

    def readblocks(self, block, buf, offset=0):
        if self._there and not self._there[block]:
            i = len(buf)
            while i:
                i -= 1
                buf[i] = 255
            return
        image = self._image
        image.seek(block * self._size + offset)
        image.readinto(buf)

    def writeblocks(self, block, buf, offset=None):
        if offset is None:
            _link.flash(_link.FLASH_ERASE, block, 0, None)
            offset = 0
        if self._there:
            self._there[block] = 1
        return _link.flash(_link.FLASH_WRITE, block, offset, buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self._blocks
        if op == 5:
            return self._size
        if op == 6:
            return _link.flash(_link.FLASH_ERASE, arg, 0, None)
        return None
