"""`esp32.Partition` of the port: block device over a partition, and the choice of the next start's."""

from struct import pack

import _link

_BLOCK = 4096
_READ, _WRITE, _ERASE = 7, 8, 9
_DATA = ("nvs", "vfs")


def _done(error):
    if error:
        raise OSError(-error)


class Data:
    """NVS, or the file system under the name the port gives it: as far as they can be counted and erased."""

    def __init__(self, label):
        self._label = label
        self._blocks = _link.ask("nvs_blocks") if label == "nvs" else _link.hello["flash_blocks"]

    def ioctl(self, op, arg):
        if op in (4, 5):
            return self._blocks if op == 4 else _BLOCK
        if op == 6:
            if not 0 <= arg < self._blocks:
                raise OSError(22)
            if self._label == "nvs":
                _link.ask("nvs_erase", arg)
            else:
                _link.flash(_link.FLASH_ERASE, arg, 0, None)
            return 0
        return None


class Partition:
    def __init__(self, id, block_size=_BLOCK):
        if isinstance(id, int):
            at = _link.ask("part_running" if id == 1 else "part_boot")
            found = [row for row in _link.ask("part_rows") if row[2] == at]
        else:
            found = [row for row in _link.ask("part_rows") if row[4] == id]
        if not found:
            raise OSError(2)
        self._row = found[0]

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

    def ioctl(self, cmd, arg):
        if cmd == 4:
            return self._row[3] // _BLOCK
        if cmd == 5:
            return _BLOCK
        if cmd == 6:
            _done(_link.call(_link.CALL, _ERASE, 0, pack("<II", self._span(arg, _BLOCK, 0), _BLOCK)))
        return 0 if cmd in (1, 2, 3, 6) else None

    def set_boot(self):
        _done(_link.ask("part_set", self._row[2]))

    def get_next_update(self):
        at = _link.ask("part_next", self._row[2])
        if at < 0:
            raise OSError(-at)
        return next(iter([p for p in self.find() if p.info()[2] == at]))
