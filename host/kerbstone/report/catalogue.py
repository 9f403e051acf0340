"""The board catalogue as tables and as JSON."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from kerbstone.build.board import BoardFile, board_names, load_board
from kerbstone.build.pinmap import pin_map
from kerbstone.build.sources import source_texts

_HEX = ("offset", "size", "addr")


def list_json() -> list[dict[str, Any]]:
    """A row a board: name, title, mcu, radio, modem, flash_mb, deep_sleep_ua with its certainty, image."""
    return [_row(name, load_board(name)) for name in board_names()]


def _row(name: str, board: BoardFile) -> dict[str, Any]:
    sleep = next(v for v in board.sources if v.key == "current_ua.deep_sleep")
    return {
        "name": name, "title": board.title, "mcu": board.mcu, "radio": board.radio.chip if board.radio else None,
        "modem": board.modem.chip if board.modem else None, "flash_mb": board.flash_mb, "deep_sleep_ua": board.current_ua.deep_sleep,
        "deep_sleep_unconfirmed": sleep.unconfirmed, "image": board.firmware,
    }


def list_table() -> Table:
    """The list for people."""
    shown = _table(("board", "mcu", "radio, modem", "flash MB", "deep sleep uA", "image"), right=(3, 4))
    for row in list_json():
        doubt = " ?" if row["deep_sleep_unconfirmed"] else "  "
        bearer = ", ".join(filter(None, (row["radio"], row["modem"]))) or "-"
        shown.add_row(row["name"], row["mcu"], bearer, str(row["flash_mb"]), f"{row['deep_sleep_ua']:g}{doubt}", row["image"])
    return shown


def board_json(name: str) -> dict[str, Any]:
    """One board: values with sources, pins, what the tags mean. Raises NodeFileError."""
    board = load_board(name)
    values = [{"key": v.key, "value": v.value, "sources": list(v.tags), "unconfirmed": v.unconfirmed} for v in board.sources]
    pins = [{"pin": p.number, "uses": list(p.uses), "names": list(p.names), "can": list(p.can)} for p in pin_map(board)]
    tags = {t: source_texts()[t] for v in board.sources for t in v.tags}
    return {"name": name, "title": board.title, "values": values, "pins": pins, "sources": dict(sorted(tags.items(), key=_tag_order))}


def board_tables(name: str) -> list[RenderableType]:
    """One board for people: values, pins, what the tags mean. Raises NodeFileError."""
    board = load_board(name)
    values = _table(("value", "", "seen in", ""), title=f"{name}: {board.title} (currents in uA)")
    tags: set[str] = set()
    for value in board.sources:
        tags.update(value.tags)
        values.add_row(escape(value.key), escape(_text(value.key, value.value)), " ".join(value.tags), "?" if value.unconfirmed else "")
    title = "pins (-: the board does not use it; whether it is brought out, the maker's drawing tells)"
    pins = _table(("GPIO", "label", "used by", "can"), title, right=(0,))
    for pin in pin_map(board):
        pins.add_row(str(pin.number), ", ".join(pin.names), escape(", ".join(pin.uses)) or "-", ", ".join(pin.can))
    texts = _table(("tag", "source"), title="sources")
    for tag, text in sorted(((t, source_texts()[t]) for t in tags), key=_tag_order):
        texts.add_row(tag, escape(text))
    return [values, pins, texts]


def _tag_order(item: tuple[str, str]) -> tuple[bool, int, str]:
    number = item[0][1:]
    return (not number, int(number or 0), item[0])


def _text(key: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and key.rsplit(".", 1)[-1] in _HEX:
        return f"0x{value:X}"
    if isinstance(value, list):
        return "\n".join(value) if value and isinstance(value[0], str) else ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table(columns: tuple[str, ...], title: str = "", right: tuple[int, ...] = ()) -> Table:
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=title or None, title_justify="left")
    for i, name in enumerate(columns):
        shown.add_column(name, justify="right" if i in right else "left", no_wrap=i == 0)
    return shown
