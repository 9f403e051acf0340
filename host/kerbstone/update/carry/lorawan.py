"""Bundles over LoRaWAN, two ways: fragments of our own on port 120 to one device, which may sleep between any two (`LorawanCarrier`), and a
session of the LoRa Alliance's fragmentation package, as any network server's FUOTA has it, to devices that stay awake (`FragSession`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from kerbstone.errors import UpdateError
from kerbstone.update.carry.push import Push, Send
from kerbstone.update.fragments import columns

PORT = 120
FRAG_PORT = 201  # TS004
SPARE = 0.25  # coded fragments from the first: a class A device is not asked what it missed until the last has left
_MOST_FRAGMENTS = (1 << 14) - 1  # TS004: N of DataFragment
_DATA_HEAD = 3


class LorawanCarrier(Push):
    """`send(device, fragment)` puts a downlink on port 120 into a network server's queue. `size`: bytes that the device's rate carries,
    51 at DR0 to DR2 of EU868, 115 at DR3, 242 above. `forget(device)` empties that queue.
    """

    def __init__(self, send: Send, size: int = 51, forget: Callable[[str], None] = lambda device: None):
        super().__init__(send, size, spare=SPARE, forget=forget)


class FragSession:
    """One block of TS004-1.0.0 or 2.0.0, as downlinks on port 201, to one device or to a multicast group.

    `size`: bytes of a downlink. `key`: GenAppKey of the device, which version 2 wants for the block's integrity code. `count`: SessionCnt,
    higher than the last of this index. `ack`: the device says when it has the block (version 2). Raises UpdateError for a block with
    too many fragments.
    """

    def __init__(self, bundle: bytes, size: int, version: int = 2, key: bytes = b"", index: int = 0, count: int = 1,
                 descriptor: bytes = b"KUP1", ack: bool = False):
        self._bundle, self.version, self._index, self._count, self._descriptor = bundle, version, index, count, descriptor
        self._room = size - _DATA_HEAD
        self.fragments = -(-len(bundle) // self._room) if 0 < self._room < 256 else 0
        if not 0 < self.fragments <= _MOST_FRAGMENTS:
            raise UpdateError(f"{len(bundle)} bytes do not go into a block of downlinks of {size} bytes: 4 to 242 are possible.")
        self._padding = self.fragments * self._room - len(bundle)
        self._key, self._ack = key, ack

    def setup(self) -> bytes:
        """FragSessionSetupReq, to each device by itself."""
        out = bytes([2, self._index << 4]) + self.fragments.to_bytes(2, "little")
        out += bytes([self._room, (self._ack and self.version == 2) << 6, self._padding]) + self._descriptor
        return out if self.version == 1 else out + self._count.to_bytes(2, "little") + self._mic()

    def _mic(self) -> bytes:
        """TS004-2.0.0 section 3.3. ECB of one block under the device's own key is how the standard derives keys."""
        worker = Cipher(algorithms.AES(self._key), modes.ECB()).encryptor()
        code = CMAC(algorithms.AES(worker.update(b"\x30" + bytes(15)) + worker.finalize()))
        code.update(b"\x49" + self._count.to_bytes(2, "little") + bytes([self._index]) + self._descriptor + bytes(4))
        code.update(len(self._bundle).to_bytes(4, "little") + self._bundle)
        return code.finalize()[:4]

    def data(self, coded: int = 0) -> Iterator[bytes]:
        """DataFragment by DataFragment: the block, then so many coded ones."""
        padded = self._bundle + bytes(self._padding)
        rows = [padded[i * self._room : (i + 1) * self._room] for i in range(self.fragments)]
        for n in range(1, self.fragments + coded + 1):
            row = rows[n - 1] if n <= self.fragments else self._mixed(rows, n - self.fragments)
            yield b"\x08" + (self._index << 14 | n).to_bytes(2, "little") + row

    def _mixed(self, rows: list[bytes], line: int) -> bytes:
        mixed = 0
        for n in columns(line, self.fragments, self.version):
            mixed ^= int.from_bytes(rows[n], "big")
        return mixed.to_bytes(self._room, "big")
