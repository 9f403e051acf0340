"""The read-only partition: the firmware lies here, and every module read from it takes the board its time."""

import _link


class Rom:
    """Hands on to `vfs`; `module_us` a file and `byte_ns` a byte are charged as work done. A file is opened to be imported.

    `work_us`: {file: what it computes once it has been imported}; a life imports one of them, and may copy them all afterwards.
    """

    def __init__(self, vfs, module_us, byte_ns, work_us):
        self._vfs = vfs
        self._work_us = work_us
        self._module_us = module_us
        self._byte_ns = byte_ns
        self.stat = vfs.stat
        self.statvfs = vfs.statvfs
        self.ilistdir = vfs.ilistdir
        self.chdir = vfs.chdir
        self.getcwd = vfs.getcwd

    def mount(self, readonly, mkfs):
        self._vfs.mount(readonly, mkfs)

    def umount(self):
        self._vfs.umount()

    def open(self, path, mode):
        size = self._vfs.stat(path)[6]
        _link.debt += self._module_us + size * self._byte_ns // 1000
        name = path.lstrip("/")
        if name in self._work_us:
            _link.debt += self._work_us[name]
            self._work_us = {}
        return self._vfs.open(path, mode)
