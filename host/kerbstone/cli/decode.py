"""`kerbstone decode`: what a payload says."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kerbstone.codec import Decoded, decode, decode_any, load_profile, profile_names, split
from kerbstone.codec.batch import is_batch
from kerbstone.codec.layout import from_hex

ANY = "any"  # the profile argument that lets the header choose


def command(
    profile: Annotated[str, typer.Argument(help="Profile: parking, bins, air, light, the path of a profile or node file, or 'any'.")],
    payload: Annotated[str, typer.Argument(help="The payload in hex; spaces, colons and 0x are passed over.")],
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON, as the generated decoders return it.")] = False,
) -> None:
    """Decode a payload.

    Example: kerbstone decode parking "10 04 a1 ec"
    """
    raw = from_hex(payload)
    known = list(map(load_profile, profile_names())) if profile == ANY else [load_profile(profile)]
    if is_batch(raw):
        # A node puts messages of its own (profile node) between those of its application.
        known += [] if profile == ANY else [load_profile("node")]
        messages = [decode_any(known, message) for message in split(raw)]
    else:
        messages = [decode_any(known, raw) if profile == ANY else decode(known[0], raw)]
    warnings = [warning for decoded in messages for warning in decoded.warnings]
    if json_out:
        data = {"batch": [decoded.data() for decoded in messages]} if is_batch(raw) else messages[0].data()
        typer.echo(json.dumps({"data": data, "warnings": warnings, "errors": []}))
        return
    for decoded in messages:
        Console().print(table(decoded))
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)


def table(decoded: Decoded) -> Table:
    """A message as a table of three columns: channel, value, unit."""
    shown = Table("channel", "value", "unit", title=f"{decoded.profile} {decoded.record}", caption=escape(_caption(decoded)))
    for name, value in decoded.values.items():
        text = "missing" if value is None else ", ".join(value) or "none" if isinstance(value, list) else str(value)
        shown.add_row(name, text, escape(decoded.units.get(name, "")))
    return shown


def _caption(decoded: Decoded) -> str:
    parts = [f"quality {decoded.quality.name.lower()}", f"time {decoded.trust.name.lower()}"]
    if decoded.stamp is not None:
        parts.append(datetime.fromtimestamp(decoded.stamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if decoded.seq is not None:
        parts.append(f"number {decoded.seq}")
    return ", ".join([*parts, "repeat"] if decoded.repeat else parts)
