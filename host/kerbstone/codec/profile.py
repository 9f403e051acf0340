"""Reads profile files: ours by name, anyone's by path."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from kerbstone.codec.catalogue import catalogue, channels_of
from kerbstone.codec.channel import Channel
from kerbstone.codec.layout import EXTENDED
from kerbstone.codec.model import Ambiguous, Profile
from kerbstone.codec.node_profile import OWN_NUMBERS, describes, node_profile
from kerbstone.codec.tomlfile import TomlFile
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir, protocols_dir

_KEYS = {"title", "number", "version", "channels", "records", "channel"}
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def profile_names() -> list[str]:
    """The profiles that come with Kerbstone."""
    return sorted(path.stem for path in (protocols_dir() / "profiles").glob("*.toml"))


@cache
def load_profile(name_or_path: str | Path) -> Profile:
    """A profile by name (`parking`) or by the path of a `.toml` file: of a profile, or of a node with channels of its own.

    The name of a ready-made node with channels of its own (`terminal`) stands for its file. Raises NodeFileError with file and line.
    """
    home = protocols_dir() / "profiles"
    node = boards_dir() / "nodes" / f"{name_or_path}.toml"
    if str(name_or_path) not in profile_names() and re.fullmatch(_NAME, str(name_or_path)) and node.is_file():
        name_or_path = node
    path = Path(name_or_path) if str(name_or_path).endswith(".toml") else home / f"{name_or_path}.toml"
    if path.parent == home and path.stem not in profile_names():
        raise NodeFileError(f"there is no profile {str(name_or_path)!r}: take {', '.join(profile_names())} or a path that ends in .toml")
    file = TomlFile(path)
    if describes(file.data):
        return node_profile(file)
    profile = parse_profile(file)
    if path.resolve().parent != home.resolve() and profile.number not in OWN_NUMBERS:
        raise file.error("number", f"number {profile.number} is not free for your own profile: take {OWN_NUMBERS[0]} to {OWN_NUMBERS[-1]}")
    return profile


def compile_profile(name_or_path: str | Path) -> dict[str, object]:
    """The table for node.json: name, id, version, revision, channels (rows as `Channel.compiled`), records {cut: count}."""
    return load_profile(name_or_path).compiled()


def parse_profile(file: TomlFile) -> Profile:
    """The profile a file describes; its name is the file's. Raises NodeFileError with file and line."""
    file.only(file.data, "the profile", _KEYS)
    data, name = file.data, file.path.stem
    if not _NAME.fullmatch(name):
        raise file.error("title", f"the file's name {name!r} must be small letters, digits, dashes and underscores")
    if not isinstance(data.get("title"), str):
        raise file.error("title", "a profile needs a title of one line")
    number, version = data.get("number"), data.get("version")
    if not isinstance(number, int) or not 1 <= number <= 255 or number == EXTENDED:
        raise file.error("number", "a profile needs a number from 1 to 255 (not 15): take 128 or more for your own")
    if not isinstance(version, int) or not 0 <= version <= 3:
        raise file.error("version", "a profile needs a version from 0 to 3")
    channels, since = _channels(file)
    profile = Profile(name, data["title"], number, version, channels, since, _cuts(file, channels), file.path)
    try:
        _ = profile.layouts
    except Ambiguous as error:
        raise file.error("records", f"{error}: their lengths must differ, so move a cut or drop a record") from error
    return profile


def _channels(file: TomlFile) -> tuple[tuple[Channel, ...], tuple[int, ...]]:
    own = channels_of(file)
    for name in own:
        if name in catalogue():
            raise file.error(f"channel.{name}", f"channel {name} is already in the catalogue: take another name")
    known = catalogue() | own
    rows: Any = file.data.get("channels")
    if not isinstance(rows, list) or not rows:
        raise file.error("channels", 'a profile needs a list of channels: channels = [{ name = "battery_v", since = 0 }]')
    channels: list[Channel] = []
    since: list[int] = []
    for row in rows:
        file.only(row, "channels", {"name", "since"})
        name, revision = row.get("name"), row.get("since")
        if name not in known:
            raise file.error(str(name), f"there is no channel {name!r}: take one of the catalogue or describe it under [channel.{name}]")
        if known[name] in channels:
            raise file.error(name, f"channel {name} is listed twice")
        if not isinstance(revision, int) or revision < (since[-1] if since else 0) or (not since and revision):
            raise file.error(name, f"channel {name} needs a `since` not below its forerunner's (0 for the first): only the end may grow")
        channels.append(known[name])
        since.append(revision)
    return tuple(channels), tuple(since)


def _cuts(file: TomlFile, channels: tuple[Channel, ...]) -> dict[str, int]:
    names = [channel.name for channel in channels]
    records = file.data.get("records")
    if not isinstance(records, dict) or not records:
        raise file.error("records", f'a profile needs records: [records] full = "{names[-1]}"')
    for record, last in records.items():
        if last not in names:
            raise file.error(record, f"record {record} ends at {last!r}, which is no channel of this profile")
    cuts = sorted(((record, names.index(last) + 1) for record, last in records.items()), key=lambda cut: cut[1])
    if cuts[-1][1] != len(names):
        raise file.error("records", f"channel {names[-1]} is in no record: end one there")
    if len({count for _, count in cuts}) != len(cuts):
        raise file.error("records", "two records end at the same channel: drop one")
    return dict(cuts)
