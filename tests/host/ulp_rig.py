"""A coprocessor with a virtual LIS2MDL on its pads and nothing else: no interpreter, no node."""

import random
from types import SimpleNamespace

from street_bench import EARTH, FakeSite

from kerb.drivers import lis2mdl_code
from kerbstone.emulator.board.ulp.coprocessor import MEMORY, Coprocessor
from kerbstone.emulator.board.ulp.foresight import program
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.ledger import Ledger
from kerbstone.emulator.parts.base import Line, PartContext
from kerbstone.emulator.parts.lis2mdl import Lis2mdl

SCL, SDA = 6, 5
SECOND = 1_000_000


class Rig:
    """`woken`: us of each wake; the chip sleeps on. `words` of the program by name."""

    def __init__(self, foresee=True, seed=1, **quantities):
        self.kernel, self.site = Kernel(), FakeSite(**quantities)
        self.ledger = Ledger(self.kernel)
        self.woken = []
        board = SimpleNamespace(
            kernel=self.kernel, ledger=self.ledger, calls={}, on_boot=[], deep=True, light=False, mcu=SimpleNamespace(state="deep_sleep"),
            wake=lambda reason: self.woken.append(self.kernel.now),
        )  # fmt: skip
        self.part = Lis2mdl(PartContext("mag", self.kernel, self.site, random.Random(seed), self.ledger.meter("mag")))
        self.parts = {Lis2mdl.address: self.part}
        pins = SimpleNamespace(line=lambda number: Line(f"gpio{number}"))
        self.ulp = Coprocessor(board, pins, SimpleNamespace(parts={SDA: self.parts}), [(SCL, SDA)])
        self.ulp.foresight.enabled = foresee
        self.calls, self.board = board.calls, board
        symbols = program(SCL, SDA).symbols
        self.words = {name: symbols["data"] + i for i, name in enumerate(("busy", "measuring", "alive", "threshold", "stop", "kept"))}
        self.words |= {"deaf": symbols["data"] + 9, "samples": symbols["samples"], "past": symbols["past"]}
        self.kernel.run(30_000)
        self.offset(EARTH)

    def offset(self, field):
        """Writes the sensor's OFFSET registers."""
        self.part.i2c_write(b"\x45" + b"".join(round(value / 0.15).to_bytes(2, "little", signed=True) for value in field))

    def arm(self, threshold=33):
        """As kerb/drivers/lis2mdl_ulp.py does."""
        code = lis2mdl_code.binary(SCL, SDA)
        self.calls["ulp_bytes"](0, code.hex())
        assert self.calls["ulp_load"](0, len(code)) is None
        self.poke("threshold", threshold)
        self.calls["ulp_period"](0, 500_000)
        self.calls["ulp_wake"](True)
        self.calls["ulp_run"](0)

    def run(self, seconds):
        self.kernel.run(self.kernel.now + round(seconds * SECOND))

    def peek(self, name, i=0):
        return self.calls["mem32"](MEMORY + 4 * (self.words[name] + i), None) & 0xFFFF

    def poke(self, name, value):
        self.calls["mem32"](MEMORY + 4 * self.words[name], value)

    def samples(self):
        """What the program kept, in counts."""
        raw = [[self.peek("samples", 3 * i + axis) for axis in range(3)] for i in range(self.peek("kept"))]
        return [[value - 0x10000 if value & 0x8000 else value for value in row] for row in raw]
