"""A TOML file whose decimals stay exact and whose mistakes are reported by file and line."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from kerbstone.errors import NodeFileError


class TomlFile:
    """The tables of one file; decimal numbers are `Decimal`. Raises NodeFileError if it cannot be read."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8") if text is None else text
        except (OSError, UnicodeDecodeError) as error:
            raise NodeFileError(f"{path} cannot be read ({error}): check the path and the file") from error
        try:
            self.data: dict[str, Any] = tomllib.loads(self.text, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            raise NodeFileError(f"{path.name} is not TOML: {error}") from error

    def error(self, word: str, sentence: str) -> NodeFileError:
        """An error placed at the first line that holds `word` outside a comment (at the file alone if there is none)."""
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        for number, line in enumerate(self.text.splitlines(), 1):
            if pattern.search(line.split("#")[0]):
                return NodeFileError(f"{self.path.name}:{number}: {sentence}")
        return NodeFileError(f"{self.path.name}: {sentence}")

    def only(self, table: Any, word: str, allowed: set[str]) -> None:
        """Raise if `table` is not a table or holds a key outside `allowed`: a misspelt key must never be ignored."""
        if not isinstance(table, dict):
            raise self.error(word, f"{word} must be a table")
        for key in table:
            if key not in allowed:
                raise self.error(key, f"unknown key {key!r} in {word}; known are {', '.join(sorted(allowed))}")
