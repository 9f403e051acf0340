"""A watch that is not stepped: a third of a million runs a day in which nothing is found.

Foreseen is one program alone, firmware/ulp/lis2mdl.s, known word by word. The sensor says how many of its next measurements stay within the
threshold; at whatever instant somebody looks, memory, sensor and charge become what stepping would have made them
(tests/host/test_ulp_foresight.py compares). A fault of the sensor or its wires that begins meanwhile is seen within ten seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from struct import unpack_from
from typing import TYPE_CHECKING

from kerbstone.build.ulp_asm import Program, assemble
from kerbstone.emulator.board.ulp.figures import RUN_UA, START_US, pause_us, us_of
from kerbstone.emulator.board.ulp.fsm import MEMORY_WORDS, Fsm
from kerbstone.emulator.board.ulp.registers import ULP_PERIOD, Registers
from kerbstone.emulator.board.ulp.wire import Wire
from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts.lis2mdl import OUT, Lis2mdl
from kerbstone.paths import firmware_dir

if TYPE_CHECKING:
    from kerbstone.emulator.board.ulp.coprocessor import Coprocessor

_MEASURING, _ALIVE, _THRESHOLD, _STOP, _KEPT = 1, 2, 3, 4, 5  # words from `data` on
_OTHERS = (_THRESHOLD, _STOP, _KEPT)  # a run without news leaves these alone
_ADDRESS, _SINGLE = 0x1E, 0x91  # the sensor, and what the program writes to its CFG_REG_A
_AHEAD = 20  # cycles
_PAST = 32  # looks that stay in memory


@lru_cache
def program(scl: int, sda: int) -> Program:
    """The watch for a LIS2MDL on these pins."""
    return assemble((firmware_dir() / "ulp" / "lis2mdl.s").read_text(encoding="utf-8"), scl=scl, sda=sda)


class _Zero:
    """A sensor that always measures zero."""

    powered = True

    def i2c_write(self, data: bytes) -> None:
        pass

    def i2c_read(self, count: int) -> bytes:
        return bytes(count)


@dataclass(frozen=True)
class Run:
    """What one run leaves behind: us it took, the timer's period, and the words of `data` with the sample behind them."""

    us: int
    period: int
    data: list[int]


@dataclass(frozen=True)
class Cycle:
    """A run that starts a measurement and the run that reads it; what the words of `past` have above their values, x, y and z."""

    start: Run
    look: Run
    past: list[int]

    @property
    def turn_us(self) -> int:
        """From the first run's start to the second's."""
        return self.start.us + pause_us(self.start.period)

    @property
    def us(self) -> int:
        return self.turn_us + self.look.us + pause_us(self.look.period)

    @property
    def average_ua(self) -> float:
        return RUN_UA * (self.start.us + self.look.us + 2 * START_US) / self.us


@lru_cache
def cycle_of(scl: int, sda: int) -> Cycle:
    """Stepped once, over a sensor that finds nothing: no run without news takes longer than another."""
    code = program(scl, sda)
    wire = Wire({_ADDRESS: _Zero()})
    low: set[int] = set()

    def moved(pin: int, level: int) -> None:
        (low.discard if level else low.add)(pin)
        wire.drive(int(scl not in low), int(sda not in low))

    registers = Registers(moved, lambda pin: wire.data if pin == sda else 1, lambda: None)
    memory = [*code.words, *[0] * (MEMORY_WORDS - len(code.words))]
    fsm, data = Fsm(memory, registers), code.symbols["data"]
    runs = []
    for _ in range(2):
        us = sum(us_of(cycles) for cycles in fsm.run(0))
        runs.append(Run(us, registers.read(ULP_PERIOD), memory[data : code.symbols["samples"] + 3]))
    first = code.symbols["past"] + 3  # of look number 1
    return Cycle(runs[0], runs[1], [word & 0xFFFF0000 for word in memory[first : first + 3]])


class Foresight:
    def __init__(self, coprocessor: Coprocessor):
        self.enabled = True
        self.foreseen = 0  # cycles
        self._c = coprocessor
        self._part: Lis2mdl | None = None  # None: the runs are stepped
        self._data = self._past = 0
        self._start_us = self._count = 0  # the first measurement, and how many are known to find nothing
        self._event: Event | None = None

    def try_from(self, start_us: int) -> bool:
        """True when the runs from start_us on need not be stepped for now."""
        c = self._c
        for pads, wire in c.wires.items():
            known = program(*pads)
            part = wire.parts.get(_ADDRESS)
            if not self.enabled or not isinstance(part, Lis2mdl) or c.memory[: len(known.words)] != known.words:
                continue
            self._data, self._past = known.symbols["data"], known.symbols["past"]
            if not part.idle or c.memory[self._data + _MEASURING] & 1 or c.memory[self._data + _STOP] & 1:
                return False
            self._cycle, self._pads, self._start_us, self._count = cycle_of(*pads), pads, start_us, 0
            if not self._further(part):
                return False
            self._part = part
            c.watching(self._cycle.average_ua)
            part.pass_singles(self._cycle.us, self.end)
            return True
        return False

    def _further(self, part: Lis2mdl) -> bool:
        """Looks a few cycles further; False when the next one finds something, or the sensor is not what it was."""
        if self._c.wires[self._pads].parts.get(_ADDRESS) is not part or part.fault or not part.powered:
            return False
        us = self._cycle.us
        more = part.quiet_singles(self._start_us + self._count * us, us, _AHEAD, self._c.memory[self._data + _THRESHOLD] & 0xFFFF)
        self._count += more
        self._event = self._c.kernel.at(self._start_us + self._count * us, self._reached)
        if not more:
            self._event.cancel()
        return more > 0

    def _reached(self) -> None:
        if self._part is not None and not self._further(self._part):
            self.end()

    def end(self) -> None:
        """What was foreseen until now has happened; from here on it is stepped."""
        part, c = self._part, self._c
        if part is None or self._event is None:
            return
        self._event.cancel()
        self._part = None
        cycle = self._cycle
        done, rest = divmod(c.kernel.now - self._start_us, cycle.us)
        under_way = 0 <= done < self._count  # beyond the last whole cycle a measurement has begun
        if under_way and rest >= cycle.turn_us:
            done, under_way = done + 1, False
        done = max(done, 0)
        next_us = self._start_us + done * cycle.us
        self.foreseen += done
        part.stop_singles()
        if done:
            self._remember(part, done)
            part.resume_single(next_us - cycle.us, _SINGLE, read=True)
            self._leave(cycle.look, done, unpack_from("<hhh", part.regs, OUT))
        if under_way:
            part.resume_single(next_us, _SINGLE, read=False)
            self._leave(cycle.start, 0, ())
        c.watching(0.0)
        c.resume(next_us + (cycle.turn_us if under_way else 0))

    def _remember(self, part: Lis2mdl, looks: int) -> None:
        """What the newest of the foreseen looks left in `past`."""
        memory, before = self._c.memory, self._c.memory[self._data + _ALIVE]
        for look in range(max(0, looks - _PAST), looks):
            at = self._past + 3 * ((before + look + 1) % _PAST)
            outputs = part.single_outputs(self._start_us + look * self._cycle.us)
            memory[at : at + 3] = [top | value & 0xFFFF for top, value in zip(self._cycle.past, outputs, strict=True)]

    def _leave(self, run: Run, looks: int, sample: tuple[int, ...]) -> None:
        """Memory and timer as `run` leaves them. What programs store has the place of the instruction above it."""
        c, memory, data = self._c, self._c.memory, self._data
        alive = memory[data + _ALIVE] + looks & 0xFFFF
        for i, word in enumerate(run.data):
            if i not in _OTHERS and word >> 16:  # else nothing was stored there
                memory[data + i] = word
        memory[data + _ALIVE] = memory[data + _ALIVE] & 0xFFFF0000 | alive
        first = data + len(run.data) - 3
        for i, value in enumerate(sample):
            memory[first + i] = memory[first + i] & 0xFFFF0000 | value & 0xFFFF
        c.registers.set(ULP_PERIOD, run.period)
