"""The message profile a node file describes by its channel table: `[app.channels.NAME]` of the application terminal.

The message begins with the cause and, where any channel has a threshold, a flag for each threshold; the channels follow in the order
of the file. Names, units, ranges and steps are those of the rows, so every decoder shows them.
"""

from __future__ import annotations

from typing import Any

from kerbstone.codec.catalogue import catalogue, channels_of
from kerbstone.codec.channel import Channel
from kerbstone.codec.model import Profile
from kerbstone.codec.tomlfile import TomlFile
from kerbstone.errors import NodeFileError

OWN_NUMBERS = range(128, 256)
_DEFAULT_NUMBER = 128
_RECORD = "full"
_MOST_FLAGS = 16


def describes(data: dict[str, Any]) -> bool:
    """Whether this file is a node file with a channel table of its own."""
    return "node" in data and bool(isinstance(data.get("app"), dict) and data["app"].get("channels"))


def node_profile(file: TomlFile) -> Profile:
    """The profile of a node file. Raises NodeFileError with file and line."""
    app = file.data["app"]
    rows = app["channels"]
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise file.error("channels", "app.channels must hold a table a channel: [app.channels.NAME]")
    number = app.get("number", _DEFAULT_NUMBER)
    if not isinstance(number, int) or number not in OWN_NUMBERS:
        free = f"take {OWN_NUMBERS[0]} to {OWN_NUMBERS[-1]}"
        raise file.error("number", f"app.number = {number!r} is not free for a node's own profile: {free}")
    title = str(file.data["node"].get("title") or file.path.stem) if isinstance(file.data["node"], dict) else file.path.stem
    channels = (catalogue()["cause"], *_flags(file, rows), *_numbers(file, rows))
    return Profile(file.path.stem, title, number, 0, channels, (0,) * len(channels), {_RECORD: len(channels)}, file.path)


def _numbers(file: TomlFile, rows: dict[str, dict[str, Any]]) -> tuple[Channel, ...]:
    taken = {"cause", "alarms"}
    table: dict[str, dict[str, Any]] = {}
    for name, row in rows.items():
        if name in taken:
            raise file.error(f"app.channels.{name}", f"app.channels.{name} is part of every message: take another name")
        given: dict[str, Any] = {key: row[key] for key in ("min", "max", "step", "unit") if key in row}
        table[name] = {"title": row.get("title") or name, "unit": "1", "min": 0, "max": 1, "step": 1, **given}
    return tuple(channels_of(_Rows(file, {"channel": table})).values())


def _flags(file: TomlFile, rows: dict[str, dict[str, Any]]) -> tuple[Channel, ...]:
    names = tuple(f"{name}_{side}" for name, row in rows.items() for side in ("low", "high") if side in row)
    if len(names) > _MOST_FLAGS:
        raise file.error("channels", f"app.channels have {len(names)} thresholds and {_MOST_FLAGS} is the most")
    if not names:
        return ()
    return (Channel("alarms", "Thresholds that are passed", "", "flags", len(names), (1 << len(names)) - 1, None, names=names),)


class _Rows(TomlFile):
    """The channel table as the catalogue's reader wants it; mistakes are placed in the node file."""

    def __init__(self, file: TomlFile, data: dict[str, Any]):
        self._file = file
        self.data = data
        self.path = file.path
        self.text = file.text

    def error(self, word: str, sentence: str) -> NodeFileError:
        """At the header of the channel's table."""
        return self._file.error(f"app.{word.replace('channel.', 'channels.', 1)}", sentence.replace("channel.", "app.channels."))

    def only(self, table: Any, word: str, allowed: set[str]) -> None:
        """The rows were built here: they hold no other keys."""

