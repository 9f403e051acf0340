"""`kerbstone commission`: a device at its place."""

from __future__ import annotations

import json
import tomllib
from typing import Annotated, Any

import typer

from kerbstone.cli.access import DEFAULT, AsOption, BooksOption, JsonOption, enter
from kerbstone.errors import IdentityError
from kerbstone.identity.commission import Wish, commission


def command(
    device: Annotated[str, typer.Argument(help="Serial, DevEUI or chip id.")],
    port: Annotated[str, typer.Option(help="The board's serial port.")],
    bay: Annotated[str | None, typer.Option(help="Number of the bay, bin or pole.")] = None,
    lat: Annotated[float | None, typer.Option(min=-90, max=90, help="Degrees, north positive.")] = None,
    lon: Annotated[float | None, typer.Option(min=-180, max=180, help="Degrees, east positive.")] = None,
    facing: Annotated[float | None, typer.Option(min=0, max=360, help="Where its mark points, degrees from north.")] = None,
    mount: Annotated[str | None, typer.Option(help="How it is mounted: flush, surface, lid, pole.")] = None,
    shape: Annotated[str | None, typer.Option(help="Shape of a bin, as its application knows it.")] = None,
    dims: Annotated[str | None, typer.Option(help="Millimetres of the shape, with commas.")] = None,
    height_mm: Annotated[int | None, typer.Option(min=1, help="Bin: floor to full line.")] = None,
    headroom_mm: Annotated[int | None, typer.Option(min=0, help="Bin: full line to sensor.")] = None,
    rated_w: Annotated[float | None, typer.Option(min=0, help="Lamp: W at full light.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="Another setting, KEY=VALUE as in a node file; repeatable.")] = None,
    baseline: Annotated[bool, typer.Option("--baseline", help="Parking: the bay is empty now; take its field.")] = False,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Write a device's place, and the settings that belong to it, to its board and to the books.

    Example: kerbstone commission KS-00012 --port /dev/ttyUSB0 --bay 12 --lat 36.1 --lon -79.95 --baseline
    """
    place = _given(bay=bay, lat=lat, lon=lon, facing=facing, mount=mount)
    settings = _given(shape=shape, dims=_numbers(dims), height_mm=height_mm, headroom_mm=headroom_mm, rated_w=rated_w)
    settings |= dict(_setting(word) for word in setting or ())
    if not place and not settings and not baseline:
        raise IdentityError("nothing is said of the place: name --bay, --lat and --lon, or what else `kerbstone commission --help` lists.")
    done = commission(enter(books, member), device, port, Wish(place, settings, baseline))
    if json_out:
        typer.echo(json.dumps(done))
        return
    said = [f"{key} {value}" for key, value in {**done["place"], **done["settings"]}.items()]
    typer.echo(f"{port}: {done['serial']} ({done['node']}) is commissioned: {', '.join(said)}.")


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(word) if "." in word else int(word) for word in text.split(",")]
    except ValueError:
        raise IdentityError(f"--dims {text!r} are no millimetres with commas: give them as 1000,800.") from None


def _setting(word: str) -> tuple[str, Any]:
    key, equals, text = word.partition("=")
    if not equals or not key:
        raise IdentityError(f"--set {word!r} is no KEY=VALUE.")
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise IdentityError(f"--set {key}: {text!r} is no value of a node file; text stands in quotes.") from None
