"""A command line of a modem as commands and arguments (ITU-T V.250 sections 5.2 and 5.4; 3GPP TS 27.007 section 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

OK, ERROR = "OK", "ERROR"
INVALID_PARAMETERS, NOT_ALLOWED, UNKNOWN_COMMAND = 50, 3, 100

# What +CMEE=2 prints (TS 27.007 section 9.2); other numbers are the vendors' own.
CME_TEXT = {
    3: "operation not allowed", 4: "operation not supported", 10: "SIM not inserted", 13: "SIM failure", 14: "SIM busy",
    30: "no network service", 50: "Incorrect parameters", 100: "unknown", 148: "unspecified GPRS error",
}  # fmt: skip


class Failed(Exception):
    """A command failed. `code`: of +CME ERROR; None: a bare ERROR whatever +CMEE says."""

    def __init__(self, code: int | None = None):
        super().__init__(code)
        self.code = code


class Arg(str):
    """One argument; `quoted` tells a string from a number, and modems care. Empty and not quoted: left out."""

    quoted: bool

    def __new__(cls, text: str, quoted: bool = False) -> Arg:
        arg = super().__new__(cls, text)
        arg.quoted = quoted
        return arg


@dataclass(frozen=True)
class Command:
    """`name` as written after AT ("+CEREG", "E", "&F"), `kind` run, read, test or set."""

    name: str
    kind: str
    args: tuple[Arg, ...] = ()

    def given(self, i: int) -> bool:
        """Argument i is there and not left out."""
        return i < len(self.args) and bool(self.args[i] or self.args[i].quoted)

    def number(self, i: int, low: int = 0, high: int = 1 << 31, default: int | None = None) -> int:
        """Argument i as a number from `low` to `high`; one that is left out is `default`. Raises Failed."""
        if not self.given(i):
            if default is None:
                raise Failed(INVALID_PARAMETERS)
            return default
        arg = self.args[i]
        if arg.quoted or not re.fullmatch(r"-?[0-9]{1,10}", arg) or not low <= int(arg) <= high:
            raise Failed(INVALID_PARAMETERS)
        return int(arg)

    def text(self, i: int, longest: int = 1 << 16, default: str | None = None) -> str:
        """Argument i, which must stand in quotes. Raises Failed."""
        if not self.given(i):
            if default is None:
                raise Failed(INVALID_PARAMETERS)
            return default
        if not self.args[i].quoted or len(self.args[i]) > longest:
            raise Failed(INVALID_PARAMETERS)
        return str(self.args[i])

    def hexed(self, i: int, longest: int = 1 << 16) -> bytes:
        """Argument i as the bytes its hex digits stand for, quoted or not. Raises Failed."""
        try:
            data = bytes.fromhex(self.args[i]) if self.given(i) else b""
        except ValueError:
            raise Failed(INVALID_PARAMETERS) from None
        if len(data) > longest:
            raise Failed(INVALID_PARAMETERS)
        return data


_BASIC = re.compile(r"([A-Z]|&[A-Z])([0-9]*)(=[0-9]+|\?)?", re.IGNORECASE)
_EXTENDED = re.compile(r"([+*^$#%][A-Z][A-Z0-9/_:!%.-]*)(=\?|\?|=)?", re.IGNORECASE)


def parse(line: str) -> list[Command]:
    """The commands of what stood between AT and carriage return. Raises Failed for a line no command can be read from.

    Extended commands are set apart by a semicolon; one that opens a quote and never closes it is refused.
    """
    commands: list[Command] = []
    at = 0
    while at < len(line):
        if line[at] in " ;":
            at += 1
        elif line[at] in "+*^$#%":
            match = _EXTENDED.match(line, at)
            if not match:
                raise Failed
            end = _end(line, match.end())
            commands.append(_extended(match, line[match.end() : end]))
            at = end
        else:
            match = _BASIC.match(line, at)
            if not match:
                raise Failed
            commands.append(_basic(match))
            at = match.end()
    return commands


def _end(line: str, at: int) -> int:
    """Where the command that has its arguments from `at` on ends."""
    quoted = False
    for i in range(at, len(line)):
        if line[i] == '"':
            quoted = not quoted
        elif line[i] == ";" and not quoted:
            return i
    if quoted:
        raise Failed
    return len(line)


def _extended(match: re.Match[str], rest: str) -> Command:
    name, mark = match[1].upper(), match[2]
    if mark in ("?", "=?", None):
        if rest.strip():
            raise Failed
        return Command(name, {"?": "read", "=?": "test", None: "run"}[mark])
    return Command(name, "set", split(rest))


def split(text: str) -> tuple[Arg, ...]:
    """Arguments between commas; commas in quotes belong to the string."""
    args: list[Arg] = []
    for piece in re.findall(r'\s*("[^"]*"|[^,"]*)\s*(?:,|$)', text)[: text.count(",") + 1]:
        args.append(Arg(piece[1:-1], True) if piece.startswith('"') else Arg(piece.strip()))
    if text.replace(" ", "") != ",".join(f'"{a}"' if a.quoted else a for a in args).replace(" ", ""):
        raise Failed
    return tuple(args)


def _basic(match: re.Match[str]) -> Command:
    name, digits, rest = match[1].upper(), match[2], match[3]
    if name == "S":
        if rest == "?":
            return Command(f"S{digits}", "read")
        if not rest or rest == "?" or not digits:
            raise Failed
        return Command(f"S{digits}", "set", (Arg(rest[1:]),))
    if rest:
        raise Failed
    return Command(name, "set" if digits else "run", (Arg(digits),) if digits else ())


def error(code: int | None, cmee: int) -> str:
    """The final line of a failure under +CMEE=0, 1 or 2."""
    if code is None or cmee == 0:
        return ERROR
    return f"+CME ERROR: {code if cmee == 1 else CME_TEXT.get(code, code)}"


def joined(*fields: object) -> str:
    """Fields of an information line: None is left empty, strings are quoted, numbers are not; a `Bare` string is as it is."""
    return ",".join(_field(f) for f in fields)


class Bare(str):
    """A field that stands without quotes."""


def _field(value: object) -> str:
    if value is None:
        return ""
    return f'"{value}"' if isinstance(value, str) and not isinstance(value, Bare) else str(value)


def line(name: str, *fields: object) -> str:
    """An information line, e.g. `+CAOPEN: 0,0`."""
    return f"{name}: {joined(*fields)}"


def hexed(data: bytes) -> str:
    return data.hex().upper()


def ints(args: Sequence[object]) -> str:
    return ",".join(str(a) for a in args)
