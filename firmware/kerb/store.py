"""Small named blobs on flash that a power cut cannot split: written beside, checked, renamed over."""

import os
from binascii import crc32
from struct import pack, unpack


class Store:
    """Blobs in one folder. A blob that fails its check counts as absent."""

    def __init__(self, folder="/state"):
        self._folder = folder
        self.commits = 0  # changes of the folder in this life
        try:
            os.mkdir(folder)
        except OSError:
            pass

    def put(self, name, data):
        """Stores bytes under a name; on flash when it returns."""
        path = "%s/%s" % (self._folder, name)
        with open(path + "~", "wb") as f:
            f.write(pack("<I", crc32(data) & 0xFFFFFFFF))
            f.write(data)
        os.rename(path + "~", path)
        self.commits += 2

    def get(self, name):
        """The bytes, or None."""
        try:
            with open("%s/%s" % (self._folder, name), "rb") as f:
                raw = f.read()
        except OSError:
            return None
        if len(raw) < 4 or unpack("<I", raw[:4])[0] != crc32(raw[4:]) & 0xFFFFFFFF:
            return None
        return raw[4:]

    def remove(self, name):
        try:
            os.remove("%s/%s" % (self._folder, name))
            self.commits += 1
        except OSError:
            pass
