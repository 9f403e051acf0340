"""Tables as people save them: UTF-8 with or without a mark, columns parted by commas or by semicolons, a head line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerbstone.errors import IdentityError


def text_of(path: Path) -> str:
    """Raises IdentityError when it cannot be read or is no text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise IdentityError(f"{path} cannot be read: {reason}.") from error


def rows(path: Path, text: str, column: str | None = None) -> Iterator[tuple[int, dict[Any, Any]]]:
    """(line, {column: text}) of each row, as `csv.DictReader` has it where a row has more or fewer columns than the head line.

    `column`: one the head line must have. Raises IdentityError with the line that is wrong.
    """
    lines = text.splitlines()
    delimiter = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    reader = csv.DictReader(lines, delimiter=delimiter, strict=True)
    try:
        if column is not None and column not in (reader.fieldnames or ()):
            raise IdentityError(f"{path}, line 1: there is no column {column!r}.")
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise IdentityError(f"{path}, line {reader.line_num}: {error}.") from error
