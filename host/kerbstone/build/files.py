"""Reads a TOML file into a pydantic model; every mistake comes back with file, line and the nearest valid key."""

from __future__ import annotations

import difflib
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from kerbstone.codec.tomlfile import TomlFile
from kerbstone.errors import NodeFileError

M = TypeVar("M", bound=BaseModel)


def load(path: Path, model: type[M]) -> tuple[M, TomlFile]:
    """The validated model of a file. Raises NodeFileError with one sentence."""
    file = TomlFile(path)
    try:
        return model.model_validate(plain(file.data)), file
    except ValidationError as error:
        raise _sentence(file, model, error) from error


def plain(value: Any) -> Any:
    """Exact decimals become floats; tables and lists are copied."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def line_of(file: TomlFile, place: tuple[str | int, ...]) -> int | None:
    """The line on which the key at this path of tables stands, or the nearest table above it."""
    names = [str(p) for p in place if isinstance(p, str)]
    table: list[str] = []
    best: tuple[int, int] | None = None
    for number, line in enumerate(file.text.splitlines(), 1):
        code = line.split("#")[0].strip()
        header = re.fullmatch(r"\[+([^\[\]]+)\]+", code)
        if header:
            table = [part.strip().strip('"') for part in header.group(1).split(".")]
            depth = len(table) if names[: len(table)] == table else 0
        else:
            key = re.match(r"([\w.\-]+)\s*=", code)
            full = table + key.group(1).split(".") if key else []
            depth = len(full) if key and names[: len(full)] == full else 0
        if depth and (best is None or depth > best[0]):
            best = (depth, number)
    return best[1] if best else None


def error_at(file: TomlFile, place: tuple[str | int, ...], sentence: str) -> NodeFileError:
    """An error placed at a key."""
    number = line_of(file, place)
    where = f"{file.path.name}:{number}" if number else file.path.name
    return NodeFileError(f"{where}: {sentence}")


def nearest(word: str, known: list[str]) -> str:
    """A hint: the closest known word, or all of them."""
    close = difflib.get_close_matches(word, known, 1, 0.6)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}."


def _sentence(file: TomlFile, model: type[BaseModel], error: ValidationError) -> NodeFileError:
    # A misspelt key also leaves the right one missing: name the misspelling.
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    place = _keys(file.data, first["loc"])
    key = str(place[-1]) if place else ""
    kind = first["type"]
    if kind == "extra_forbidden":
        return error_at(file, place, f"unknown key {key!r}; {nearest(key, _fields(model, place[:-1]))}")
    if kind == "missing":
        table = _at(file.data, place[:-1])
        close = difflib.get_close_matches(key, [k for k in table if k not in _fields(model, place[:-1])], 1, 0.6)
        if close:
            return error_at(file, (*place[:-1], close[0]), f"unknown key {close[0]!r}; did you mean {key!r}?")
        return error_at(file, place[:-1], f"key {key!r} is missing{_inside(place)}; add it.")
    value = first.get("input")
    return error_at(file, place, f"{'.'.join(str(p) for p in place)} = {value!r}: {first['msg'].removeprefix('Value error, ')}.")


def _at(data: Any, place: tuple[str | int, ...]) -> dict[str, Any]:
    """The table at this path; empty when there is none."""
    for step in place:
        data = data.get(step) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _keys(data: Any, place: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The path without the steps that are not keys of the file (the chosen variant of a table)."""
    found: list[str | int] = []
    for i, step in enumerate(place):
        there = isinstance(data, dict) and step in data
        if there or isinstance(step, int) or i == len(place) - 1:
            found.append(step)
            data = data[step] if there else None
    return tuple(found)


def _inside(place: tuple[str | int, ...]) -> str:
    return f" in [{'.'.join(str(p) for p in place[:-1])}]" if len(place) > 1 else ""


def _fields(model: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    """Names of the keys allowed at this place of the model."""
    current: Any = model
    for step in place:
        field = current.model_fields.get(str(step)) if isinstance(current, type) and issubclass(current, BaseModel) else None
        annotation = field.annotation if field else current
        models = [a for a in (annotation, *_arguments(annotation)) if isinstance(a, type) and issubclass(a, BaseModel)]
        if models:
            current = models[0]
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _arguments(annotation: Any) -> list[Any]:
    found = []
    for argument in getattr(annotation, "__args__", ()):
        found.append(argument)
        found.extend(_arguments(argument))
    return found
