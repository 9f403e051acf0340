"""Assembles programs for the ULP-FSM coprocessor of the ESP32-S2 and S3.

Encodings: ESP32-S3 Technical Reference Manual, chapter "ULP Coprocessor", and ESP-IDF components/ulp (esp32s3/ulp.h), read 2026-11.
Syntax: that of Espressif's binutils as far as the programs here need it. Labels are word addresses, offsets of `ld` and `st` are bytes.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from kerbstone.errors import UlpError

_ALU = {"add": 0, "sub": 1, "and": 2, "or": 3, "move": 4, "lsh": 5, "rsh": 6}
_STAGE = {"stage_inc": 0, "stage_dec": 1, "stage_rst": 2}
_BRANCH = {"": 0, "eq": 1, "ov": 2}
_STAGE_BRANCH = {"lt": 1, "gt": 3, "eq": 4, "le": 5, "ge": 7}
_SIGNS: dict[type, Callable[[int, int], int]] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


@dataclass(frozen=True)
class Program:
    """`words`: the code from word address 0; `symbols`: labels in words, and what .set gave; `bss_bytes` follow the code."""

    words: list[int]
    symbols: dict[str, int]
    bss_bytes: int


def assemble(source: str, **given: int) -> Program:
    """`given`: symbols the source leaves open, such as pins."""
    symbols = dict(given)
    lines: list[tuple[int, str, list[str]]] = []
    at, space, in_bss = 0, 0, False
    bss: dict[str, int] = {}
    for number, raw in enumerate(source.splitlines(), 1):
        text = raw.split("#")[0].strip()
        if label := re.match(r"(\w+):\s*", text):
            (bss if in_bss else symbols)[label[1]] = space // 4 if in_bss else at
            text = text[label.end() :]
        if not text:
            continue
        word, _, rest = text.partition(" ")
        operands = [operand.strip() for operand in rest.split(",")] if rest.strip() else []
        if word == ".set":
            if len(operands) < 2:
                raise UlpError(f"Line {number}: .set wants more operands.")
            symbols[operands[0]] = _value(operands[1], symbols, number)
        elif word in (".text", ".bss"):
            in_bss = word == ".bss"
        elif word == ".space" and in_bss and operands:
            space += _value(operands[0], symbols, number)
        else:
            lines.append((number, word.lower(), operands))
            at += 1
    symbols |= {name: at + offset for name, offset in bss.items()}
    return Program([_encode(n, here, word, operands, symbols) for here, (n, word, operands) in enumerate(lines)], symbols, space)


def _value(text: str, symbols: dict[str, int], line: int) -> int:
    """An expression of numbers, symbols, +, - and *."""

    def value(node: ast.AST) -> int:
        if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
            return _SIGNS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.Name) and node.id in symbols:
            return symbols[node.id]
        raise UlpError(f"Line {line}: {text!r} is no number and no name; define it with .set or as a label.")

    try:
        return value(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UlpError(f"Line {line}: {text!r} is no number and no name; define it with .set or as a label.") from None


class _Operands:
    """The operands of one line, as registers and as numbers that fit."""

    def __init__(self, line: int, operands: list[str], symbols: dict[str, int]):
        self.line, self._operands, self._symbols = line, operands, symbols

    def is_register(self, i: int) -> bool:
        return re.fullmatch(r"[rR][0-3]", self._operands[i]) is not None

    def register(self, i: int) -> int:
        if not self.is_register(i):
            raise UlpError(f"Line {self.line}: {self._operands[i]!r} is no register; take r0 to r3.")
        return int(self._operands[i][1])

    def number(self, i: int, bits: int) -> int:
        found = _value(self._operands[i], self._symbols, self.line)
        if not 0 <= found < 1 << bits:
            raise UlpError(f"Line {self.line}: {self._operands[i]} does not fit {bits} bits.")
        return found

    def peripheral(self, i: int) -> int:
        """A register of RTC_CNTL, RTC_IO, SENS or RTC_I2C as the 10 bits an instruction has for it."""
        found = _value(self._operands[i], self._symbols, self.line)
        if not 0x60008000 <= found < 0x60009000 or found % 4:
            raise UlpError(f"Line {self.line}: 0x{found:x} is no register the coprocessor reaches; they are at 0x60008000 to 0x60008ffc.")
        return found >> 10 << 8 & 0x300 | found >> 2 & 0xFF

    def condition(self, i: int, known: dict[str, int]) -> int:
        word = self._operands[i].lower() if i < len(self._operands) else ""
        if word not in known:
            raise UlpError(f"Line {self.line}: there is no condition {word!r}; take {', '.join(filter(None, known))}.")
        return known[word]


def _encode(line: int, here: int, word: str, operands: list[str], symbols: dict[str, int]) -> int:
    o = _Operands(line, operands, symbols)
    try:
        return _FORMATS[word](o, here, word)
    except KeyError:
        raise UlpError(f"Line {line}: there is no instruction {word!r}; use one of {', '.join(_FORMATS)}.") from None
    except IndexError:
        raise UlpError(f"Line {line}: {word} wants more operands.") from None


def _alu(o: _Operands, here: int, word: str) -> int:
    last = 1 if word == "move" else 2
    first = o.register(0) | (0 if word == "move" else o.register(1) << 2)
    if o.is_register(last):
        source = o.register(last)
        return 7 << 28 | _ALU[word] << 21 | source << 4 | (source << 2 if word == "move" else 0) | first
    return 7 << 28 | 1 << 26 | _ALU[word] << 21 | o.number(last, 16) << 4 | first


def _stage(o: _Operands, here: int, word: str) -> int:
    return 7 << 28 | 2 << 26 | _STAGE[word] << 21 | (0 if word == "stage_rst" else o.number(0, 8) << 4)


def _jump(o: _Operands, here: int, word: str) -> int:
    target = 1 << 21 | o.register(0) if o.is_register(0) else o.number(0, 11) << 2
    return 8 << 28 | 1 << 26 | o.condition(1, _BRANCH) << 22 | target


def _jumps(o: _Operands, here: int, word: str) -> int:
    step = o.number(0, 11) - here
    if abs(step) > 127:
        raise UlpError(f"Line {o.line}: jumps reaches 127 words, not {step}.")
    away = abs(step) << 18 | (1 << 25 if step < 0 else 0)
    return 8 << 28 | 2 << 26 | away | o.condition(2, _STAGE_BRANCH) << 15 | o.number(1, 8)


def _memory(o: _Operands, here: int, word: str) -> int:
    offset = o.number(2, 13) >> 2 << 10
    if word == "ld":
        return 13 << 28 | offset | o.register(1) << 2 | o.register(0)
    return 6 << 28 | 4 << 25 | offset | 3 << 7 | o.register(1) << 2 | o.register(0)


def _peripheral(o: _Operands, here: int, word: str) -> int:
    high, low = o.number(1, 5), o.number(2, 5)
    if high < low:
        raise UlpError(f"Line {o.line}: there are no bits {high} to {low}; the higher one comes first.")
    found = high << 23 | low << 18 | o.peripheral(0)
    return 1 << 28 | found | o.number(3, 8) << 10 if word == "reg_wr" else 2 << 28 | found


_FORMATS: dict[str, Callable[[_Operands, int, str], int]] = {
    **dict.fromkeys(_ALU, _alu), **dict.fromkeys(_STAGE, _stage), "jump": _jump, "jumps": _jumps, "ld": _memory, "st": _memory,
    "reg_wr": _peripheral, "reg_rd": _peripheral,
    "wait": lambda o, here, word: 4 << 28 | o.number(0, 16), "nop": lambda o, here, word: 4 << 28,
    "wake": lambda o, here, word: 9 << 28 | 1, "halt": lambda o, here, word: 11 << 28,
}  # fmt: skip
