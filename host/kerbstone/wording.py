"""The words of `kerbstone command` as the body of a command."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from kerbstone.errors import CommandError

_MOST_MIN = 44_640  # 31 days
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_BARE = ("report", "calibrate", "self_test", "reboot", "identify", "health", "crashes", "log")


def body(kind: str, words: Sequence[str], minutes: int | None = None, version: int | None = None) -> Any:
    """The body for a kind and its words. Raises CommandError with what to write instead."""
    if minutes is not None and not 1 <= minutes <= _MOST_MIN:
        raise CommandError(f"{minutes} minutes are not from 1 minute to 31 days.")
    if kind in _BARE:
        if words or minutes is not None or version is not None:
            raise CommandError(f"The command {kind} takes nothing more: leave out what follows it.")
        return None
    if kind == "dim":
        return _dim(words, minutes)
    if kind == "wipe":
        if len(words) != 1:
            raise CommandError("wipe ends the device: write its name once more behind it.")
        return words[0]
    if kind == "schedule":
        return [_version(version), *_schedule(words)]
    if kind == "configure":
        return [_version(version), values(words)] + ([] if minutes is None else [minutes])
    if kind == "override":
        if minutes is None:
            raise CommandError("An override ends by itself: say when with --for, such as --for 2h.")
        return [minutes, values(words)]
    raise CommandError(f"There is no command {kind!r}.")


def values(words: Sequence[str]) -> dict[str, Any]:
    """{name: value} of words NAME=VALUE; `none` is the value as built."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not name or not equals:
            raise CommandError(f"{word!r} is no NAME=VALUE, such as report_s=600 or lamp.period_s=60.")
        if name in found:
            raise CommandError(f"{name} is given twice.")
        found[name] = None if text == "none" else _value(text)
    if not found:
        raise CommandError("Nothing to change: write NAME=VALUE, such as report_s=600.")
    return found


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    # A fraction travels as text: boards have floats of 32 bits.
    return text if isinstance(value, float) or value is None else value


def _version(version: int | None) -> int:
    if version is None or not 1 <= version <= 65_534:
        raise CommandError("A configuration has a version: say with --version which one this is, from 1 to 65534, above the device's own.")
    return version


def _dim(words: Sequence[str], minutes: int | None) -> Any:
    if len(words) != 1 or not (words[0] == "auto" or (words[0].isdigit() and int(words[0]) <= 100)):
        raise CommandError("dim takes a level from 0 to 100 %, or auto: back to the schedule.")
    level = None if words[0] == "auto" else int(words[0])
    return level if minutes is None else [level, minutes]


def _schedule(words: Sequence[str]) -> tuple[list[int], list[int]]:
    clock: list[int] = []
    relative: list[int] = []
    for word in words:
        when, _, level = word.partition("=")
        if not level.isdigit() or int(level) > 100:
            raise CommandError(f"{word!r} is no WHEN=LEVEL, such as 22:30=50, or -60=30 for an hour before the middle of the night.")
        if match := _CLOCK.fullmatch(when):
            clock += [int(match[1]) * 60 + int(match[2]), int(level)]
        elif re.fullmatch(r"-?\d{1,4}", when) and abs(int(when)) <= 1440:
            relative += [int(when), int(level)]
        else:
            raise CommandError(f"{when!r} is neither a time hh:mm nor minutes from the middle of the night.")
    return clock, relative
