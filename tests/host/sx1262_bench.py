"""A virtual SX1262 on the bench: its wires, and the commands a driver would send."""

import random
from struct import pack

from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.parts.base import Line, PartContext
from kerbstone.emulator.parts.sx1262 import PART
from kerbstone.emulator.world.constant import Constant

TX_DONE, RX_DONE, PREAMBLE, HEADER_VALID, HEADER_ERR, CRC_ERR, TIMEOUT = 1, 2, 4, 0x10, 0x20, 0x40, 0x200
FREQ = 868_100_000


class Bench:
    """A chip, its wires, and a person who sends commands."""

    def __init__(self, kernel, air, node="a", rxen=False, **options):
        self.kernel = kernel
        names = ["cs", "busy", "dio1", "reset"] + (["rxen"] if rxen else [])
        self.lines = {name: Line(name, 1 if name in ("cs", "reset") else 0) for name in names}
        self.meter = Meter(kernel, "radio")
        site = Constant(0, random.Random(0), {})
        ctx = PartContext("radio", kernel, site, random.Random(1), self.meter, {"air": air, "node": node, **options}, self.lines)
        self.chip = PART(ctx)
        self.chip.power_on()

    def run(self, us):
        self.kernel.run(self.kernel.now + us)

    def ready(self, limit_us=100_000):
        """us until BUSY falls."""
        start = self.kernel.now
        while self.lines["busy"].level:
            assert self.kernel.now - start < limit_us, "BUSY never fell"
            self.run(1)
        return self.kernel.now - start

    def raw(self, data):
        self.lines["cs"].drive(0)
        out = self.chip.spi_transfer(data)
        self.lines["cs"].drive(1)
        return out

    def do(self, *data):
        self.ready()
        return self.raw(bytes(data))

    def write(self, register, *data):
        self.do(0x0D, *pack(">H", register), *data)

    def read(self, register, size=1):
        return self.do(0x1D, *pack(">H", register), *bytes(1 + size))[4:]

    def irq(self):
        return int.from_bytes(self.do(0x12, 0, 0, 0)[2:], "big")

    def errors(self):
        return int.from_bytes(self.do(0x17, 0, 0, 0)[2:], "big")

    def mode(self):
        return self.do(0xC0, 0)[1] >> 4 & 7

    def misuse(self):
        return [e[3]["what"] for e in self.kernel.log.of(self.chip.node, "radio_misuse")]

    def setup(self, sf=7, tcxo=False, sync=0x3444, crc=1, inverted=0, size=4, freq=FREQ, ldro=0, boosted=False, rf_switch=True,
              bw=125_000, cr=1):
        self.do(0x80, 0)
        if tcxo:
            self.do(0x97, 2, *pack(">I", 320)[1:])  # 1.8 V, 5 ms
        self.do(0x96, 1)
        self.do(0x9D, 1 if rf_switch else 0)
        self.do(0x8A, 1)
        self.do(0x86, *pack(">I", (freq << 25) // 32_000_000))
        self.do(0x8B, sf, {125_000: 4, 250_000: 5, 500_000: 6}[bw], cr, ldro)
        self.do(0x8C, 0, 8, 0, size, crc, inverted)
        self.write(0x0736, 0x09 if inverted else 0x0D)
        self.write(0x0740, sync >> 8, sync & 255)
        self.write(0x08AC, 0x96 if boosted else 0x94)
        self.do(0x95, 2, 2, 0, 1)
        self.do(0x8E, 22, 4)
        self.do(0x08, *pack(">HHHH", 0x3FF, 0x3FF, 0, 0))

    def transmit(self, data=b"kerb"):
        self.do(0x0E, 0, *data)
        self.do(0x83, 0, 0, 0)

    def listen(self, timeout_us=0, symbols=0):
        self.do(0x8F, 0, 0)
        self.do(0xA0, symbols)
        self.do(0x82, *pack(">I", timeout_us * 64 // 1000)[1:])

    def packet(self):
        size, start = self.do(0x13, 0, 0, 0)[2:]
        return self.do(0x1E, start, 0, *bytes(size))[3:]
