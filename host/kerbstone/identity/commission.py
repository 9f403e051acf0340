"""A device at its place: what belongs to the place goes onto the board, beside node.json, and into the books."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import update

from kerbstone.books.audit import now
from kerbstone.books.books import Books
from kerbstone.books.tables import devices
from kerbstone.errors import IdentityError
from kerbstone.flash.link import Link
from kerbstone.identity import registry

PATH = "/place.json"  # firmware/kerb/config.py reads it
_BASELINE = Path(__file__).parents[1] / "flash" / "onboard" / "baseline.py"
_SETTINGS = "settings"  # among what the books keep of a place
_SAMPLES = 20
_BASELINE_S = 60.0
_EARTH_UT = (12.0, 90.0)  # 22 to 67 uT on the ground (World Magnetic Model 2025), and a sensor's own offset
_RESTLESS_UT = 6.0  # between the largest and the smallest reading of an axis: six times the noise of 1 uT; a car that passes makes more
_LONGEST = 1500  # bytes of place.json: a script carries it
_RUNNING = """import json
from kerb import config
c = config.load()
m = __import__("kerb.apps." + c["app"], None, None, ("DEFAULTS",))
print(json.dumps([c["name"], c["app"], m.DEFAULTS, c["app_settings"].get("mag", m.DEFAULTS.get("mag"))]))
"""
# The application judges its settings before the file gets its name: a node never starts with what it cannot use.
_WRITE = """import json, os
from kerb import config
with open({path!r} + '~', 'w') as f:
    f.write({text!r})
c = config.load()
config.overlay(c, {path!r} + '~')
m = __import__("kerb.apps." + c["app"], None, None, ("App",))
try:
    m.App(c["app_settings"])
except Exception as error:
    os.remove({path!r} + '~')
    print(json.dumps(str(error) or type(error).__name__))
else:
    os.rename({path!r} + '~', {path!r})
    with open({path!r}) as f:
        print(json.dumps({{"text": f.read()}}))
"""


@dataclass(frozen=True)
class Wish:
    """`place`: what the books and the board keep for people (bay, lat, lon, ...); `settings`: of the application, by their own names."""

    place: Mapping[str, Any]
    settings: Mapping[str, Any]
    baseline: bool = False


def commission(books: Books, name: str, port: str, wish: Wish) -> dict[str, Any]:
    """Writes the place to board and books; returns what is there now. Raises IdentityError, LinkError or BooksError."""
    books.member.need("commission")
    with books.look() as connection:
        row = registry.find(connection, name)
    if row.state not in (registry.WRITTEN, registry.PROVEN):
        raise IdentityError(f"{row.serial} is {row.state} and not on a board: flash it first.")
    with Link(port) as link:
        if (chip := link.facts().chip_id) != row.chip_id:
            raise IdentityError(f"{port}: this board is chip {chip}, and {row.serial} is on chip {row.chip_id}: take the right board.")
        node, app, known, mag = link.ask(_RUNNING)
        place = {**row.place, **wish.place}
        before = place.pop(_SETTINGS, {})
        settings = {**before, **wish.settings, **{key: value for key, value in wish.place.items() if key in known}}
        _check(settings, known, f"{port}: the application {app} of {node}")
        if wish.baseline:
            settings |= _baseline(link, port, mag, known)
        _write(link, port, {**place, "app": settings})
        link.leave("import machine\nmachine.reset()")
    with books.change("commission") as change:
        kept = {**place, **({_SETTINGS: settings} if settings else {})}
        change.connection.execute(update(devices).where(devices.c.serial == row.serial).values(place=kept, changed=now()))
        change.note("commission", row.serial, place=kept)
    return {"serial": row.serial, "node": node, "place": place, "settings": settings}


def _check(settings: Mapping[str, Any], known: Mapping[str, Any], who: str) -> None:
    """Names and kinds of values, by the application's own defaults."""
    for key, value in settings.items():
        if key not in known:
            raise IdentityError(f"{who} has no setting {key!r}: it has {', '.join(sorted(known))}.")
        wanted = known[key]
        alike = isinstance(value, int | float) if isinstance(wanted, int | float) else isinstance(value, type(wanted))
        if wanted is not None and (not alike or isinstance(value, bool) != isinstance(wanted, bool)):
            raise IdentityError(f"{who} does not take {value!r} for {key!r}: its default is {wanted!r}.")


def _baseline(link: Link, port: str, mag: str | None, known: Mapping[str, Any]) -> dict[str, Any]:
    if mag is None or "empty_ut" not in known:
        raise IdentityError(f"{port}: this node watches no parking bay, so there is no baseline to take: leave --baseline out.")
    field, spread, temp_c = link.ask(f"name, count = {mag!r}, {_SAMPLES}\n{_BASELINE.read_text()}", _BASELINE_S)
    size = math.hypot(*field)
    if not _EARTH_UT[0] <= size <= _EARTH_UT[1]:
        raise IdentityError(f"{port}: the field is {size:.0f} uT, and the earth's alone is not: move the car or the tool away.")
    if spread > _RESTLESS_UT:
        raise IdentityError(f"{port}: the field moves by {spread:.1f} uT: wait until nothing moves near the bay.")
    return {"empty_ut": [round(axis, 2) for axis in field], **({"empty_c": round(temp_c, 1)} if temp_c is not None else {})}


def _write(link: Link, port: str, content: dict[str, Any]) -> None:
    text = json.dumps(content, separators=(",", ":"))
    if len(text) > _LONGEST:
        raise IdentityError(f"{port}: place and settings take {len(text)} bytes and the board reads {_LONGEST}: say less.")
    answer = link.ask(_WRITE.format(path=PATH, text=text))
    if isinstance(answer, str):
        raise IdentityError(f"{port}: the application refuses these settings: {answer}.")
    if answer["text"] != text:
        raise IdentityError(f"{port}: {PATH} reads back otherwise than it was written: take another board.")
