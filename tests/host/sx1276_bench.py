"""A virtual SX1276 on the bench: its wires, and the register accesses a driver would make."""

import random

from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.parts.base import Line, PartContext
from kerbstone.emulator.parts.sx1276 import PART
from kerbstone.emulator.world.constant import Constant

SLEEP, STANDBY, FS_TX, TX, FS_RX, RX, RX_SINGLE = range(7)
RX_TIMEOUT, RX_DONE, CRC_ERROR, VALID_HEADER, TX_DONE = 0x80, 0x40, 0x20, 0x10, 0x08
FREQ = 868_100_000
BANDWIDTH = {125_000: 7, 250_000: 8, 500_000: 9}


class Bench:
    """A chip, its wires, and a person who reads and writes registers."""

    def __init__(self, kernel, air, node="a", **options):
        self.kernel = kernel
        self.lines = {name: Line(name, 1 if name in ("cs", "reset") else 0) for name in ("cs", "reset", "dio0", "dio1", "dio3")}
        self.meter = Meter(kernel, "radio")
        site = Constant(0, random.Random(0), {})
        self.chip = PART(
            PartContext("radio", kernel, site, random.Random(1), self.meter, {"air": air, "node": node, **options}, self.lines)
        )
        self.chip.power_on()
        self.run(5000)

    def run(self, us):
        self.kernel.run(self.kernel.now + us)

    def write(self, register, *data):
        self.lines["cs"].drive(0)
        self.chip.spi_transfer(bytes((register | 0x80, *data)))
        self.lines["cs"].drive(1)

    def read(self, register, size=1):
        self.lines["cs"].drive(0)
        out = self.chip.spi_transfer(bytes((register, *bytes(size))))[1:]
        self.lines["cs"].drive(1)
        return out

    def mode(self, mode):
        self.write(0x01, 0x80 | mode)

    def misuse(self):
        return [e[3]["what"] for e in self.kernel.log.of(self.chip.node, "radio_misuse")]

    def calibrate(self, freq=FREQ):
        """Out of reset: image calibration at the carrier, then LoRa."""
        self.write(0x01, 0x01)
        self.tune(freq)
        self.write(0x3B, 0x42)
        self.run(10_000)
        self.write(0x01, 0x00)
        self.mode(SLEEP)
        self.mode(STANDBY)
        self.run(250)

    def tune(self, freq):
        self.write(0x06, *((freq << 8) // 15625).to_bytes(3, "big"))

    def setup(self, sf=7, bw=125_000, cr=1, sync=0x34, crc=1, inverted=0, freq=FREQ, ldro=0, preamble=8):
        """`inverted` holds for both ways, as RegInvertIQ2 does."""
        self.calibrate(freq)
        self.write(0x1D, BANDWIDTH[bw] << 4 | cr << 1, sf << 4 | crc << 2, 0x64)
        self.write(0x20, preamble >> 8, preamble & 255)
        self.write(0x26, ldro << 3 | 4)
        self.write(0x31, 0xC3 if bw == 500_000 else 0x43)
        self.write(0x2F, 0x40, 0)
        self.write(0x36, 2 if bw == 500_000 else 3)
        if bw == 500_000:
            self.write(0x3A, 0x64)
        self.write(0x33, 0x66 if inverted else 0x27)
        self.write(0x3B, 0x19 if inverted else 0x1D)
        self.write(0x39, sync)
        self.write(0x09, 0x8C)  # PA_BOOST, +14 dBm
        self.write(0x0C, 0x23)

    def transmit(self, data=b"kerb"):
        self.write(0x0D, 0, 0, 0)
        self.write(0x00, *data)
        self.write(0x22, len(data))
        self.write(0x40, 0x40)
        self.mode(TX)

    def listen(self, mode=RX):
        self.write(0x0D, 0, 0, 0)
        self.write(0x40, 0x00)
        self.mode(mode)

    def irq(self):
        return self.read(0x12)[0]

    def packet(self):
        """Takes the last packet and forgets its flags."""
        self.write(0x0D, self.read(0x10)[0])
        data = self.read(0x00, self.read(0x13)[0])
        self.write(0x12, 255)
        return data
