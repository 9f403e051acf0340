"""`kerbstone encode`: the payload of given values."""

import base64
import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from typing import Annotated, TypeVar

import typer

from kerbstone.codec import Profile, Quality, Trust, encode, load_profile
from kerbstone.codec.channel import Channel, Given
from kerbstone.errors import CodecError

_Kind = TypeVar("_Kind", bound=IntEnum)


def command(
    profile: Annotated[str, typer.Argument(help="Profile: parking, bins, air, light, or the path of a .toml file.")],
    assignments: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="Values; flags as a,b; a number left out is missing.")],
    record: Annotated[str | None, typer.Option(help="Record to encode; the longest if not given.")] = None,
    quality: Annotated[str, typer.Option(help="good, suspect, warming or fault.")] = "good",
    trust: Annotated[str, typer.Option(help="live, stamped, unsure or unknown.")] = "live",
    stamp: Annotated[int | None, typer.Option(help="Time of the values in seconds since 1970.")] = None,
    repeat: Annotated[bool, typer.Option("--repeat", help="The message may have been delivered before.")] = False,
    seq: Annotated[int, typer.Option(help="Sequence number of a stamped message, 0 to 127.")] = 0,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON with hex, base64 and size.")] = False,
) -> None:
    """Encode values into a payload, printed in hex.

    Example: kerbstone encode parking state=occupied cause=event --record state
    """
    known = load_profile(profile)
    payload = encode(
        known,
        record or list(known.cuts)[-1],
        parse_assignments(known, assignments),
        _choose("quality", Quality, quality),
        _choose("trust", Trust, trust),
        stamp,
        repeat,
        seq,
    )
    if json_out:
        typer.echo(json.dumps({"hex": payload.hex(), "base64": base64.b64encode(payload).decode(), "bytes": len(payload)}))
    else:
        typer.echo(payload.hex())


def parse_assignments(profile: Profile, assignments: Iterable[str]) -> dict[str, Given]:
    """Channel values from words `name=value`. Raises CodecError for a word, name or number that cannot be understood."""
    channels = {channel.name: channel for channel in profile.channels}
    values: dict[str, Given] = {}
    for word in assignments:
        name, equals, text = word.partition("=")
        if not equals:
            raise CodecError(f"{word!r} is no assignment: give name=value, like {profile.channels[0].name}=...")
        if name not in channels:
            raise CodecError(f"{profile.name} has no channel {name!r}: its channels are {', '.join(channels)}")
        values[name] = _parse(channels[name], text.strip())
    return values


def _parse(channel: Channel, text: str) -> Given:
    if text == "missing":
        return None
    if channel.kind == "enum":
        return text
    if channel.kind == "flags":
        return [] if text in ("", "none") else [flag.strip() for flag in text.split(",")]
    try:
        return Decimal(text)
    except InvalidOperation:
        raise CodecError(f"{channel.name}={text} is not a number: give {channel.choices()}, or missing") from None


def _choose(what: str, kind: type[_Kind], word: str) -> _Kind:
    for member in kind:
        if member.name.lower() == word:
            return member
    raise CodecError(f"{what} {word!r} does not exist: take one of {', '.join(member.name.lower() for member in kind)}")
