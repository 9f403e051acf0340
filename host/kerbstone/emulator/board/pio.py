"""PIO state machines of the RP2040, instruction by instruction (RP2040 data sheet, chapter 3).

Left out: side-set, IRQ instructions and `mov` from STATUS; a program that uses them is refused. A machine that stalls costs nothing:
it is woken by the pin or the FIFO it waits for, on the cycle at which it would have seen it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kerbstone.emulator.board.device import Device
from kerbstone.emulator.board.pins import Pins
from kerbstone.emulator.kernel import Event
from kerbstone.errors import EngineError

_WORD = 0xFFFFFFFF
_DEPTH = 4  # words of one FIFO; joined, one has them all
_JOIN_TX, _JOIN_RX = 1, 2


@dataclass
class Machine:
    """One state machine. `pc` is its place in its own program; `cycle` the next one to run, counted from `epoch_us`."""

    words: list[int]
    wrap_target: int
    wrap: int
    setting: dict[str, Any]
    freq: float
    in_base: int | None
    out_base: int | None
    set_base: int | None
    jmp_pin: int | None
    pc: int = 0
    x: int = 0
    y: int = 0
    isr: int = 0
    isr_count: int = 0
    osr: int = 0
    osr_count: int = 32  # bits already gone
    active: bool = False
    epoch_us: int = 0
    cycle: int = 0
    tx: list[int] = field(default_factory=list)
    rx: list[int] = field(default_factory=list)
    event: Event | None = None
    forced: int | None = None

    def room(self, join: int) -> int:
        """Depth of the TX (join = _JOIN_TX) or RX FIFO."""
        joined = self.setting["join"]
        return _DEPTH * 2 if joined == join else 0 if joined else _DEPTH


class Pio:
    """All state machines of a chip."""

    def __init__(self, device: Device, pins: Pins):
        self.device = device
        self.kernel = device.kernel
        self.pins = pins
        self.machines: dict[int, Machine] = {}
        device.calls.update(
            pio_init=self._init, pio_active=self._active, pio_restart=self._restart, pio_exec=self._exec, pio_levels=self._levels,
            pio_put=self._put, pio_get=self._get,
        )
        device.on_stop.append(self._stop)

    # -- calls ------------------------------------------------------------------------------------------------------

    def _init(self, number: int, words: list[int], target: int, wrap: int, setting: dict[str, Any], freq: int,
              pins: list[int | None]) -> None:
        self._halt(number)
        clock = self.device.spec.limits.freq
        divider = clock / freq if freq > 0 else 1.0
        if not 1 <= divider < 65536:
            raise EngineError(f"Node {self.device.spec.name} asks PIO for {freq} Hz, which the divider of {clock} Hz does not reach.")
        rate = clock / (int(divider * 256) / 256)
        machine = Machine(words, target, wrap, setting, rate, pins[0], pins[1], pins[2], pins[3])
        self.machines[number] = machine
        for base, levels in ((machine.out_base, setting["out_init"]), (machine.set_base, setting["set_init"])):
            for i, level in enumerate(levels if isinstance(levels, list) else [levels]):
                if base is not None and level is not None and level >= 2:  # OUT_LOW, OUT_HIGH
                    self.pins.line(base + i).drive(level & 1)
                    self.pins.out.add(base + i)
        if machine.in_base is not None:
            self.pins.line(machine.in_base)

    def _active(self, number: int, value: int | None) -> int:
        machine = self.machines[number]
        if value is not None and bool(value) != machine.active:
            machine.active = bool(value)
            if machine.active:
                machine.epoch_us, machine.cycle = self.kernel.now, 0
                self._at_cycle(machine)
            else:
                self._halt(number)
        return int(machine.active)

    def _restart(self, number: int) -> None:
        machine = self.machines[number]
        machine.pc = machine.isr = machine.isr_count = 0
        machine.osr_count, machine.forced = 32, None
        self._wake(machine)

    def _exec(self, number: int, word: int) -> None:
        machine = self.machines[number]
        machine.forced = word
        if not machine.active:
            self._run(machine)
        self._wake(machine)

    def _levels(self, number: int) -> list[int]:
        machine = self.machines[number]
        return [len(machine.rx), len(machine.tx)]

    def _put(self, number: int, word: int) -> int:
        machine = self.machines[number]
        if len(machine.tx) >= machine.room(_JOIN_TX):
            return 0
        machine.tx.append(word)
        self._wake(machine)
        return 1

    def _get(self, number: int) -> int | None:
        machine = self.machines[number]
        if not machine.rx:
            return None
        word = machine.rx.pop(0)
        self._wake(machine)
        return word

    def _halt(self, number: int) -> None:
        machine = self.machines.get(number)
        if machine:
            machine.active = False
            if machine.event:
                machine.event.cancel()
                machine.event = None

    def _stop(self) -> None:
        for number in list(self.machines):
            self._halt(number)
        self.machines.clear()

    # -- time -------------------------------------------------------------------------------------------------------

    def _at_cycle(self, machine: Machine) -> None:
        t = machine.epoch_us + round(machine.cycle * 1e6 / machine.freq)
        machine.event = self.kernel.at(max(t, self.kernel.now), self._tick, machine)

    def _wake(self, machine: Machine) -> None:
        """A stalled machine looks again at its next cycle."""
        if machine.active and machine.event is None:
            passed = (self.kernel.now - machine.epoch_us) * machine.freq / 1e6
            machine.cycle = max(machine.cycle, int(passed) + 1)
            self._at_cycle(machine)

    def _tick(self, machine: Machine) -> None:
        machine.event = None
        while machine.active and (took := self._run(machine)):
            machine.cycle += took
            # The clock simply moves on while nothing else happens on the board.
            if not self.kernel.try_advance(machine.epoch_us + round(machine.cycle * 1e6 / machine.freq)):
                self._at_cycle(machine)
                return

    def _watch(self, machine: Machine, pin: int) -> None:
        line = self.pins.line(pin)

        def changed(_level: int) -> None:
            line.watchers.remove(changed)
            self._wake(machine)

        line.watchers.append(changed)

    # -- instructions -----------------------------------------------------------------------------------------------

    def _run(self, machine: Machine) -> int:
        """Carries out one instruction; its cycles with the delay, 0 when it stalls."""
        forced, machine.forced = machine.forced, None
        word = machine.words[machine.pc] if forced is None else forced
        before = machine.pc
        if not _OPERATIONS[word >> 13](self, machine, word):
            machine.forced = forced
            return 0
        if forced is None and machine.pc == before and not _jumped(word):
            machine.pc = machine.wrap_target if before == machine.wrap else before + 1
        return 1 + (word >> 8 & 31)

    def _jmp(self, machine: Machine, word: int) -> bool:
        condition, to = word >> 5 & 7, word & 31
        taken = True
        if condition == 1:
            taken = machine.x == 0
        elif condition == 2:
            taken, machine.x = machine.x != 0, machine.x - 1 & _WORD
        elif condition == 3:
            taken = machine.y == 0
        elif condition == 4:
            taken, machine.y = machine.y != 0, machine.y - 1 & _WORD
        elif condition == 5:
            taken = machine.x != machine.y
        elif condition == 6:
            taken = bool(self.pins.line(machine.jmp_pin or 0).level)
        elif condition == 7:
            taken = machine.osr_count < machine.setting["pull_thresh"]
        machine.pc = to if taken else machine.wrap_target if machine.pc == machine.wrap else machine.pc + 1
        return True

    def _wait(self, machine: Machine, word: int) -> bool:
        source, index = word >> 5 & 3, word & 31
        if source == 2:
            raise EngineError("PIO waits for an IRQ flag, which the emulator does not have.")
        pin = index if source == 0 else (machine.in_base or 0) + index
        if self.pins.line(pin).level == word >> 7 & 1:
            return True
        self._watch(machine, pin)
        return False

    def _in(self, machine: Machine, word: int) -> bool:
        count = word & 31 or 32
        setting = machine.setting
        if setting["autopush"] and machine.isr_count >= setting["push_thresh"] and not self._push_word(machine):
            return False
        value = self._source(machine, word >> 5 & 7, count) & ((1 << count) - 1)
        if setting["in_right"]:
            machine.isr = (machine.isr >> count | value << 32 - count) & _WORD
        else:
            machine.isr = (machine.isr << count | value) & _WORD
        machine.isr_count = min(machine.isr_count + count, 32)
        if setting["autopush"] and machine.isr_count >= setting["push_thresh"]:
            self._push_word(machine)
        return True

    def _push_word(self, machine: Machine) -> bool:
        if len(machine.rx) >= machine.room(_JOIN_RX):
            return False
        machine.rx.append(machine.isr)
        machine.isr = machine.isr_count = 0
        return True

    def _out(self, machine: Machine, word: int) -> bool:
        count, setting = word & 31 or 32, machine.setting
        if setting["autopull"] and machine.osr_count >= setting["pull_thresh"]:
            if not machine.tx:
                return False
            machine.osr, machine.osr_count = machine.tx.pop(0), 0
        if setting["out_right"]:
            value, machine.osr = machine.osr & ((1 << count) - 1), machine.osr >> count
        else:
            value, machine.osr = machine.osr >> 32 - count, machine.osr << count & _WORD
        machine.osr_count = min(machine.osr_count + count, 32)
        self._to(machine, word >> 5 & 7, value, count, machine.out_base)
        return True

    def _push_pull(self, machine: Machine, word: int) -> bool:
        conditional, blocking, setting = word & 0x40, word & 0x20, machine.setting
        if not word & 0x80:
            if conditional and machine.isr_count < setting["push_thresh"]:
                return True
            if not self._push_word(machine):
                if blocking:
                    return False
                machine.isr = machine.isr_count = 0
            return True
        if conditional and machine.osr_count < setting["pull_thresh"]:
            return True
        if machine.tx:
            machine.osr, machine.osr_count = machine.tx.pop(0), 0
        elif blocking:
            return False
        else:
            machine.osr, machine.osr_count = machine.x, 0
        return True

    def _mov(self, machine: Machine, word: int) -> bool:
        value = self._source(machine, word & 7)
        operation, to = word >> 3 & 3, word >> 5 & 7
        if operation == 1:
            value ^= _WORD
        elif operation == 2:
            value = int(f"{value:032b}"[::-1], 2)
        if to == 7:
            machine.osr, machine.osr_count = value, 0
        elif to == 4:
            machine.forced = value & 0xFFFF
        else:
            self._to(machine, to, value, 32, machine.out_base)
        return True

    def _irq(self, machine: Machine, word: int) -> bool:
        raise EngineError("PIO sets an IRQ flag, which the emulator does not have.")

    def _set(self, machine: Machine, word: int) -> bool:
        self._to(machine, word >> 5 & 7, word & 31, 5, machine.set_base)
        return True

    def _source(self, machine: Machine, number: int, count: int = 32) -> int:
        if number == 0:
            base = machine.in_base or 0
            lines = self.pins.lines
            return sum(lines[pin].level << i for i in range(count) if (pin := (base + i) % 32) in lines)
        if number == 5:
            raise EngineError("PIO reads STATUS, which the emulator does not have.")
        return {1: machine.x, 2: machine.y, 3: 0, 6: machine.isr, 7: machine.osr}[number]

    def _to(self, machine: Machine, number: int, value: int, count: int, base: int | None) -> None:
        if number == 0 and base is not None:
            for i in range(count):
                if base + i in self.pins.out:
                    self.pins.line(base + i).drive(value >> i & 1)
        elif number == 1:
            machine.x = value
        elif number == 2:
            machine.y = value
        elif number == 4 and base is not None:
            for i in range(count):
                (self.pins.out.add if value >> i & 1 else self.pins.out.discard)(base + i)
        elif number == 5:
            machine.pc = value & 31
        elif number == 6:
            machine.isr, machine.isr_count = value, count
        elif number == 7:
            machine.forced = value & 0xFFFF


def _jumped(word: int) -> bool:
    """Whether the instruction has set the program counter itself, to wherever."""
    kind, to = word >> 13, word >> 5 & 7
    return kind == 0 or (kind in (3, 5) and to == 5)


_OPERATIONS: tuple[Callable[[Pio, Machine, int], bool], ...] = (
    Pio._jmp, Pio._wait, Pio._in, Pio._out, Pio._push_pull, Pio._mov, Pio._irq, Pio._set,
)
