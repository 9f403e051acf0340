"""The registers a loader can read and write: fuses, straps, and the SPI controller in front of the flash."""

from __future__ import annotations

from kerbstone.bench.esp.chips import MAGIC_REGISTER, Chip
from kerbstone.bench.esp.spiflash import command

_SPI_START = 1 << 18  # SPI_CMD: start a user-defined transaction
_WATCHDOG_ON = 1 << 31
_WORD = 0xFFFF_FFFF


class Registers:
    """Words by address; an address nobody named reads zero until it is written.

    `bitten` becomes true when the host has armed the watchdog.
    """

    def __init__(self, chip: Chip, mac: bytes, flash_bytes: int, download: bool):
        strap, normal, in_download = chip.strap
        self._chip = chip
        self._flash_bytes = flash_bytes
        self._words = {MAGIC_REGISTER: chip.magic, **chip.fuses(mac), strap: in_download if download else normal}
        self.bitten = False

    def read(self, address: int) -> int:
        return self._words.get(address, 0)

    def write(self, address: int, value: int, mask: int = _WORD) -> None:
        value = (self.read(address) & ~mask | value & mask) & _WORD
        if address == self._chip.spi.base and value & _SPI_START:
            self._transact()
            value &= ~_SPI_START  # done before the host can ask
        if address == self._chip.watchdog and value & _WATCHDOG_ON:
            self.bitten = True
        self._words[address] = value

    def _transact(self) -> None:
        """One SPI transaction: operation code, address and wanted bits stand in the controller's registers."""
        spi = self._chip.spi
        address = self.read(spi.base + 4)
        if spi.address_at_top:
            address >>= 31 - (self.read(spi.base + spi.usr1) >> 26)  # that field holds the address bits less one
        size = (self.read(spi.base + spi.miso_len) & 0x3FF) // 8 + 1
        answer = command(self.read(spi.base + spi.usr2) & 0xFF, address, self._flash_bytes)[:size]
        for at in range(0, len(answer), 4):
            self._words[spi.base + spi.w0 + at] = int.from_bytes(answer[at : at + 4], "little")
