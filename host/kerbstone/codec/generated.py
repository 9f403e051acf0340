"""What other people's systems need, made from the profiles: JavaScript decoders, JSON Schemas, a table for readers."""

import json
from pathlib import Path
from typing import Any

from kerbstone.codec.catalogue import catalogue
from kerbstone.codec.channel import Channel
from kerbstone.codec.layout import Quality, Trust
from kerbstone.codec.model import Profile
from kerbstone.codec.profile import load_profile, profile_names

NODE_PROFILE = "node"
_TEMPLATE = Path(__file__).with_name("decoder.js")


def generated_files() -> dict[str, str]:
    """File name -> text of everything in `protocols/generated`."""
    files = {"channels.md": channel_table()}
    for profile in map(load_profile, profile_names()):
        files |= profile_files(profile)
    return files


def profile_files(profile: Profile) -> dict[str, str]:
    """File name -> text of the decoder and the schema of one profile. The decoder also knows what any node says of itself."""
    of_node = [p for p in (load_profile(NODE_PROFILE),) if p.number != profile.number]
    return {
        f"{profile.name}.js": javascript(profile, *of_node),
        f"{profile.name}.schema.json": json.dumps(json_schema(profile), indent=2) + "\n",
    }


def stale_files(folder: Path) -> list[str]:
    """Names of the files in `folder` that differ from what would be generated, are not there, or have no profile any more."""
    files = generated_files()
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()} if folder.is_dir() else {}
    return sorted(name for name in files.keys() | there.keys() if files.get(name) != there.get(name))


def write_files(folder: Path) -> list[str]:
    """Bring `folder` up to date; returns the names of the files that were written or removed."""
    stale = stale_files(folder)
    files = generated_files()
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in files:
            (folder / name).write_text(files[name], encoding="utf-8", newline="\n")
        else:
            (folder / name).unlink()
    return stale


def javascript(profile: Profile, *others: Profile) -> str:
    """A decoder for The Things Stack and ChirpStack: of one profile, and of others that the same node sends."""
    where = " and ".join(f"profiles/{p.path.name}" if p.path else p.name for p in (profile, *others))
    tables = ",\n".join(_table(p) for p in (profile, *others))
    text = _TEMPLATE.read_text(encoding="utf-8")
    return text.replace("PROFILE_FILE", where, 1).replace("PROFILE_TABLES", f"[\n{tables}\n]", 1)


def _table(profile: Profile) -> str:
    rows = ",\n".join("      " + json.dumps(channel.compiled()) for channel in profile.channels)
    table: dict[str, Any] = {key: profile.compiled()[key] for key in ("name", "id", "version", "revision")}
    table["units"] = {channel.name: channel.unit for channel in profile.channels if channel.unit}
    head = "".join(f"    {json.dumps(key)}: {json.dumps(value)},\n" for key, value in table.items())
    layouts = ",\n".join("      " + json.dumps(layout) for layout in profile.layouts)
    return f'  {{\n{head}    "channels": [\n{rows}\n    ],\n    "layouts": [\n{layouts}\n    ]\n  }}'


def json_schema(profile: Profile) -> dict[str, Any]:
    """JSON Schema (2020-12) of the decoded message, `Decoded.data()`."""
    shortest = min(profile.cuts.values())
    units = {channel.name: {"const": channel.unit} for channel in profile.channels if channel.unit}
    properties: dict[str, Any] = {
        "profile": {"const": profile.name},
        "revision": {"type": "integer", "minimum": 0, "maximum": 3, "description": "Revision of the sender"},
        "record": {"enum": list(profile.cuts)},
        "quality": {"enum": [quality.name.lower() for quality in Quality]},
        "trust": {"enum": [trust.name.lower() for trust in Trust], "description": "live: the receive time is the time of the values"},
        "stamp": {"type": ["integer", "null"], "minimum": 1, "maximum": 2**32 - 1, "description": "Seconds since 1970"},
        "repeat": {"type": "boolean", "description": "This message may have been delivered before"},
        "seq": {"type": ["integer", "null"], "minimum": 0, "maximum": 127},
        "values": {
            "type": "object",
            "properties": {channel.name: _value_schema(channel) for channel in profile.channels},
            "required": [channel.name for channel in profile.channels[:shortest]],
            "additionalProperties": False,
        },
        "units": {"type": "object", "properties": units, "additionalProperties": False},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": profile.title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _value_schema(channel: Channel) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": channel.title}
    if channel.kind == "number":
        kind = "integer" if channel.den == 1 else "number"
        return schema | {"type": [kind, "null"], "minimum": channel.number(0), "maximum": channel.number(channel.top)}
    if channel.kind == "flags":
        return schema | {"type": "array", "items": {"enum": list(channel.names)}, "uniqueItems": True}
    reserved = channel.missing is not None or channel.top + 1 < 1 << channel.bits
    return schema | {"enum": [*channel.names, None] if reserved else list(channel.names)}


def channel_table() -> str:
    """The catalogue and the profiles as Markdown tables."""
    lines = ["# Channels", "", "Made by `kerbstone generate` from `channels.toml` and `profiles/`.", ""]
    lines += ["| channel | unit | range | step | bits | meaning | source |", "|---|---|---|---|---|---|---|"]
    for c in catalogue().values():
        number = c.kind == "number"
        span = f"{c.number(0)} .. {c.number(c.top)}" if number else ", ".join(c.names)
        step = f"{c.step_n / c.den:g}" if number else "flags" if c.kind == "flags" else "states"
        lines.append(f"| `{c.name}` | {c.unit or '-'} | {span} | {step} | {c.bits} | {c.title} | {c.source} |")
    lines += ["", "# Records", "", "Bytes of a live record; a stamped one has 5 more.", ""]
    lines += ["| profile | number | version | revision | record | bytes | ends with |", "|---|---|---|---|---|---|---|"]
    for p in map(load_profile, profile_names()):
        for record, count in p.cuts.items():
            last = p.channels[count - 1].name
            lines.append(f"| {p.name} | {p.number} | {p.version} | {p.revision} | {record} | {p.size(count)} | `{last}` |")
    return "\n".join(lines) + "\n"
