"""`esp32.Partition` of the port: block device over a partition, and the choice of the next start's."""

from struct import pack

import _link
from esp32 import _done

_BLOCK = 4096
_READ, _WRITE, _ERASE = 7, 8, 9
_DATA = ("nvs", "vfs")


def by_name(id, block_size=_BLOCK):
    return Data(id) if id in _DATA else Partition(id)


class Blocks:
    """What every partition is: `_blocks` of them, each of which `_erase` clears."""

    def ioctl(self, cmd, arg):
        if cmd == 4:
            return self._blocks
        if cmd == 5:
            return _BLOCK
        if cmd == 6:
            if not 0 <= arg < self._blocks:
                raise OSError(-0x104)  # ESP_ERR_INVALID_SIZE
            self._erase(arg)
        return 0 if cmd in (1, 2, 3, 6) else None


class Data(Blocks):
    """NVS, or the file system under the name the port gives it: as far as they can be counted and erased."""

    def __init__(self, label):
        self._label = label
        self._blocks = _link.ask("nvs_blocks") if label == "nvs" else _link.hello["flash_blocks"]

    def _erase(self, block):
        if self._label == "nvs":
            _link.ask("nvs_erase", block)
        else:
            _link.flash(_link.FLASH_ERASE, block, 0, None)


class Partition(Blocks):
    def __init__(self, id):
        if isinstance(id, int):
            at = _link.ask("part_running" if id == 1 else "part_boot")
            found = [row for row in _link.ask("part_rows") if row[2] == at]
        else:
            found = [row for row in _link.ask("part_rows") if row[4] == id]
        if not found:
            raise OSError(2)
        self._row = found[0]
        self._blocks = self._row[3] // _BLOCK

    @classmethod
    def find(cls, type=0, subtype=0xFF, label=None, block_size=_BLOCK):
        if type == 1:
            return [Data(name) for name in _DATA if label in (None, name)]
        rows = _link.ask("part_rows")
        return [cls(r[4]) for r in rows if r[0] == type and subtype in (0xFF, r[1]) and label in (None, r[4])]

    def info(self):
        return tuple(self._row) + (False,)

    def _span(self, block, size, offset):
        at = block * _BLOCK + (offset or 0)
        if at < 0 or at + size > self._row[3]:
            raise OSError(-0x104)  # ESP_ERR_INVALID_SIZE
        return self._row[2] + at

    def readblocks(self, block, buf, offset=0):
        at = self._span(block, len(buf), offset)
        for i in range(0, len(buf), _link.ROOM):
            n = min(_link.ROOM, len(buf) - i)
            _link.call(_link.CALL, _READ, n, pack("<I", at + i))
            buf[i : i + n] = _link.data()

    def writeblocks(self, block, buf, offset=None):
        at = self._span(block, len(buf), offset)
        if offset is None:
            _done(_link.call(_link.CALL, _ERASE, 0, pack("<II", at, len(buf))))
        for i in range(0, len(buf), 512):
            _link.call(_link.CALL, _WRITE, 0, pack("<I", at + i) + bytes(buf[i : i + 512]))

    def _erase(self, block):
        _done(_link.call(_link.CALL, _ERASE, 0, pack("<II", self._span(block, _BLOCK, 0), _BLOCK)))

    def set_boot(self):
        _done(_link.ask("part_set", self._row[2]))

    def get_next_update(self):
        at = _link.ask("part_next", self._row[2])
        if at < 0:
            raise OSError(-at)
        return next(iter([p for p in self.find() if p.info()[2] == at]))
