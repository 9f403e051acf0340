"""The ULP-FSM of an ESP32-S3: four 16-bit registers, a stage counter, and programs of 32-bit words in RTC slow memory.

ESP32-S3 Technical Reference Manual, chapter "ULP Coprocessor"; cycles from ESP-IDF docs/en/api-reference/system/ulp_instruction_set
(v5.5): execution and the fetch of the next instruction together. Measuring instructions (ADC, TSENS) are not modelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from kerbstone.emulator.board.ulp.figures import HZ
from kerbstone.errors import EngineError

MEMORY_WORDS = 2048

_ALU_CYCLES, _MEMORY_CYCLES, _JUMP_CYCLES, _READ_CYCLES, _WRITE_CYCLES, _WAKE_CYCLES, _HALT_CYCLES = 6, 8, 4, 8, 12, 6, 2
_LONG_WAIT = HZ // 10_000  # cycles: from here on the world moves meanwhile
_TOO_MANY = 10_000_000  # instructions without a HALT


class Peripherals(Protocol):
    """Registers of RTC_CNTL, RTC_IO, SENS and RTC_I2C, by their word number from 0x60008000."""

    def read(self, register: int) -> int: ...

    def write(self, register: int, high: int, low: int, data: int) -> None: ...

    def wake(self) -> None: ...


class Fsm:
    """Runs programs; R0 to R3 and the stage counter keep their values from run to run."""

    def __init__(self, memory: list[int], peripherals: Peripherals):
        self.memory = memory
        self.r = [0, 0, 0, 0]
        self.stage = 0
        self._peripherals = peripherals
        self._zero = self._overflow = False

    def run(self, pc: int) -> Iterator[int]:
        """Executes from `pc`; yields cycles whenever the world must move on before the next instruction, last those up to HALT."""
        cycles = 0
        for _ in range(_TOO_MANY):
            word = self.memory[pc % MEMORY_WORDS]
            opcode = word >> 28
            pc += 1
            if opcode == 7:
                self._alu(word)
                cycles += _ALU_CYCLES
            elif opcode == 1:
                self._peripherals.write(word & 0x3FF, word >> 23 & 31, word >> 18 & 31, word >> 10 & 0xFF)
                cycles += _WRITE_CYCLES
            elif opcode == 8:
                pc = self._branch(word, pc)
                cycles += _JUMP_CYCLES
            elif opcode == 2:
                high, low = word >> 23 & 31, word >> 18 & 31
                self.r[0] = self._peripherals.read(word & 0x3FF) >> low & (1 << high - low + 1) - 1 & 0xFFFF
                cycles += _READ_CYCLES
            elif opcode == 13:
                half = self._at(word) >> (16 if word >> 27 & 1 else 0)
                self.r[word & 3] = half & 0xFFFF
                cycles += _MEMORY_CYCLES
            elif opcode == 6:
                self._store(word, pc - 1)
                cycles += _MEMORY_CYCLES
            elif opcode == 4:
                cycles += _ALU_CYCLES + (word & 0xFFFF)
                if word & 0xFFFF >= _LONG_WAIT:
                    yield cycles
                    cycles = 0
            elif opcode == 9:
                if word & 1:
                    self._peripherals.wake()
                cycles += _WAKE_CYCLES
            elif opcode == 11:
                yield cycles + _HALT_CYCLES
                return
            else:
                raise EngineError(f"The coprocessor met 0x{word:08x} at word {pc - 1}, which is no instruction this emulator knows.")
        raise EngineError(f"The coprocessor's program does not come to HALT within {_TOO_MANY} instructions.")

    def _address(self, word: int) -> int:
        offset = word >> 10 & 0x7FF
        return (self.r[word >> 2 & 3] + offset - (offset >> 10 << 11)) % MEMORY_WORDS

    def _at(self, word: int) -> int:
        return self.memory[self._address(word)]

    def _store(self, word: int, pc: int) -> None:
        """ST: the value below, above it which instruction of the program wrote it."""
        if word >> 25 & 7 != 4 or word >> 7 & 3 != 3:
            raise EngineError(f"The coprocessor met 0x{word:08x} at word {pc}, a way to store this emulator does not know.")
        self.memory[self._address(word)] = pc << 21 & 0xFFE00000 | (word >> 2 & 3) << 16 | self.r[word & 3]

    def _alu(self, word: int) -> None:
        kind, operation = word >> 26 & 3, word >> 21 & 15
        if kind == 2:
            step = word >> 4 & 0xFF
            self.stage = 0 if operation == 2 else self.stage + (-step if operation else step) & 0xFF
            return
        a = self.r[word >> 2 & 3]
        b = word >> 4 & 0xFFFF if kind else self.r[word >> 4 & 3]
        if operation == 4 and not kind:
            b = a
        # 17 bits: the flag is the carry of an addition, the borrow of a subtraction.
        value = (a + b, a - b, a & b, a | b, b, a << (b & 15), a >> (b & 15))[operation]
        if operation != 4:
            self._overflow = operation < 2 and not 0 <= value < 0x10000
            self._zero = not value & 0xFFFF
        self.r[word & 3] = value & 0xFFFF

    def _branch(self, word: int, pc: int) -> int:
        kind = word >> 26 & 3
        if kind == 1:
            taken = (True, self._zero, self._overflow)[word >> 22 & 7]
            target = self.r[word & 3] if word >> 21 & 1 else word >> 2 & 0x7FF
            return target if taken else pc
        away = (word >> 18 & 127) * (-1 if word >> 25 & 1 else 1)
        if kind == 2:
            imm, condition = word & 0xFF, word >> 15 & 7
            taken = {1: self.stage < imm, 3: self.stage > imm, 4: self.stage == imm, 5: self.stage <= imm, 7: self.stage >= imm}[condition]
        else:
            imm = word & 0xFFFF
            taken = (self.r[0] < imm, self.r[0] > imm, self.r[0] == imm)[word >> 16 & 3]
        return pc - 1 + away if taken else pc
