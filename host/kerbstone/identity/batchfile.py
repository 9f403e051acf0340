"""A plan from a file: one device a line, its serial first, its place in columns of any name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kerbstone.errors import IdentityError
from kerbstone.identity import delimited

_SERIAL = "serial"
_LONGEST = 64
_NUMBERS = {"lat": (-90.0, 90.0), "lon": (-180.0, 180.0)}


def serials_of(prefix: str, first: int, count: int) -> list[tuple[str, dict[str, Any]]]:
    """PREFIX-00001 and so on. Raises IdentityError."""
    if not 1 <= count <= 100_000:
        raise IdentityError(f"{count} devices cannot be planned at once: 1 to 100000.")
    digits = max(5, len(str(first + count - 1)))
    return [(check_serial(f"{prefix}-{first + n:0{digits}}"), {}) for n in range(count)]


def check_serial(text: str) -> str:
    """The serial, or IdentityError: it stands in certificates, topics and on labels."""
    if not text or len(text) > _LONGEST or not text.isascii() or any(not (c.isalnum() or c in "-.") for c in text):
        raise IdentityError(f"{text!r} is no serial: use up to {_LONGEST} letters, digits, - and dots.")
    return text


def read(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Rows of a CSV file with a head line. Raises IdentityError with the line that is wrong."""
    found: dict[str, int] = {}
    rows = []
    for line, row in delimited.rows(path, delimited.text_of(path), _SERIAL):
        where = f"{path}, line {line}"
        if None in row or None in row.values():
            raise IdentityError(f"{where}: it has {'more' if None in row else 'fewer'} columns than the first line.")
        try:
            serial = check_serial(row.pop(_SERIAL).strip())
        except IdentityError as error:
            raise IdentityError(f"{where}: {error}") from error
        if serial in found:
            raise IdentityError(f"{where}: {serial} stands in line {found[serial]} already.")
        found[serial] = line
        rows.append((serial, {name: _value(where, name, value.strip()) for name, value in row.items() if value.strip()}))
    if not rows:
        raise IdentityError(f"{path} names no device.")
    return rows


def _value(where: str, name: str, text: str) -> Any:
    if name not in _NUMBERS:
        return text
    low, high = _NUMBERS[name]
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise IdentityError(f"{where}: {name} is {text!r}, not degrees from {low:g} to {high:g}.")
    return number
