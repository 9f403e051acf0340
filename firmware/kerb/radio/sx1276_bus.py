"""Registers of an SX127x over SPI: an address byte, bit 7 set to write, then data (SX1276/77/78/79 data sheet Rev 7, section 2.2)."""


class Bus:
    """`spi`: machine.SPI; `cs`: machine.Pin."""

    def __init__(self, spi, cs):
        self._spi = spi
        self._cs = cs
        cs.value(1)

    def write(self, register, *values):
        """Writes consecutive registers; at the FIFO, consecutive bytes."""
        self._cs.value(0)
        self._spi.write(bytes((register | 0x80,)) + bytes(values))
        self._cs.value(1)

    def read(self, register, size):
        """Reads consecutive registers, or bytes of the FIFO."""
        self._cs.value(0)
        self._spi.write(bytes((register,)))
        data = self._spi.read(size)
        self._cs.value(1)
        return data
