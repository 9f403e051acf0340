"""Virtual DALI bus with control gear on it: edges to frames and back, in the times of IEC 62386-101:2014.

Lines "tx" (from the MCU: low pulls the bus down, as does a pin nobody drives) and "rx" (the bus). What the gear does with a frame is in
`dali_gear.py`.
"""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts.base import Line, Part, PartContext
from kerbstone.emulator.parts.dali_gear import Gear

_HALF_US = 1e6 / 2400
# What a receiver must take for one and for two half bits, and for the end of a frame.
_ONE_US, _TWO_US, _STOP_US = (333.3, 500.0), (666.7, 1000.0), 2400
_ANSWER_US = (5_600, 10_400)  # from the end of the last bit: 5.5..10.5 ms
_DOWN_US = 500_000  # of a low bus: 450..550 ms
_CLOCK_ERROR = 0.03  # of the gear's own half bits; 10 % are allowed
Runs = list[tuple[int, float]]


def decode(runs: Runs) -> tuple[int, int] | None:
    """(data, bits) of the runs [(level, us), ...] from the first falling edge to the last edge; None: no frame."""
    levels: list[int] = []
    for level, us in runs:
        if _ONE_US[0] <= us <= _ONE_US[1]:
            levels.append(level)
        elif _TWO_US[0] <= us <= _TWO_US[1]:
            levels += [level, level]
        else:
            return None
    if len(levels) % 2:
        levels.append(1)  # the high half of a one runs into the stop condition
    pairs = list(zip(levels[::2], levels[1::2], strict=True))
    if not pairs or any(a == b for a, b in pairs):
        return None
    bits = [b for _, b in pairs]
    return (int("".join(map(str, bits[1:])) or "0", 2), len(bits) - 1) if bits[0] else None


class Dali(Part):
    """Option `addr` (0) of the first gear, `gears` (1) on the bus; further ones only answer, without a lamp of their own.

    `fault`: "absent", "garbled" (answers are noise), "lamp" (dead, and known to the gear), "stuck" (burns at full power whatever it says).
    `edges`: [(us, level)] of the MCU's pin since the start; `frames`: [(us, data, bits)] as the gear understood them.
    """

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "on": 1_000.0,  # an opto-coupler interface, order of magnitude; not from one data sheet
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self.edges: list[tuple[int, int]] = []
        self.frames: list[tuple[int, int, int]] = []
        self.bad_frames = 0
        address = int(ctx.options.get("addr", 0))
        self.gears = [Gear(self, address + i, i == 0) for i in range(int(ctx.options.get("gears", 1)))]
        self._tx = self.line("tx") or Line("tx", 1)
        self._rx = self.line("rx") or Line("rx", 1)
        self._tx.watchers.append(self._driven)
        self._answers: dict[int, int] = {}  # gear -> level it puts on the bus while it answers
        self._runs: Runs = []
        self._level, self._since = 1, 0
        self._stop: Event | None = None
        self._down: Event | None = None
        self.power_on()

    def power_on(self) -> None:
        """Mains for the gear, idle bus."""
        self.state("on")
        for gear in self.gears:
            gear.power_on()
        self._bus()

    def _driven(self, level: int) -> None:
        self.edges.append((self.kernel.now, level))
        self._bus()

    def _bus(self) -> None:
        """The bus is low while anybody pulls it down."""
        level = min([self._tx.level, *self._answers.values()])
        if level == self._level:
            return
        now = self.kernel.now
        if self._runs or not level:
            if self._level == 1 and not self._runs:
                self._runs = [(-1, 0.0)]  # the frame begins with this falling edge
            else:
                self._runs.append((self._level, now - self._since))
        self._level, self._since = level, now
        for event in (self._stop, self._down):
            if event:
                event.cancel()
        self._stop = self.kernel.after(_STOP_US, self._ended) if level else None
        self._down = None if level else self.kernel.after(_DOWN_US, self._fell)
        self._rx.drive(level)

    def _fell(self) -> None:
        self._runs = []
        if self.fault != "absent":
            for gear in self.gears:
                gear.bus_failed()

    def _ended(self) -> None:
        runs, self._runs = self._runs[1:], []
        frame = decode(runs)
        if frame is None or frame[1] not in (16, 24):
            self.bad_frames += bool(runs) and (frame is None or frame[1] != 8)
            return
        self.frames.append((self.kernel.now, *frame))
        if self.fault == "absent" or not self.powered:
            return
        for i, gear in enumerate(self.gears):
            answer = gear.frame(*frame)
            if answer is not None:
                begin = self.rng.uniform(*_ANSWER_US) - _STOP_US
                self.kernel.after(int(begin), self._answer, i, answer)

    def _answer(self, gear: int, value: int) -> None:
        half = _HALF_US * (1 + self.rng.uniform(-_CLOCK_ERROR, _CLOCK_ERROR))
        levels = [0, 1]
        for bit in range(7, -1, -1):
            levels += [0, 1] if value >> bit & 1 else [1, 0]
        if self.fault == "garbled":
            levels = [0, 1, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1]
        for i, level in enumerate(levels):
            self.kernel.after(round(i * half), self._put, gear, level)
        self.kernel.after(round(len(levels) * half), self._put, gear, 1)

    def _put(self, gear: int, level: int) -> None:
        self._answers[gear] = level
        self._bus()


PART = Dali
