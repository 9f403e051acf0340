"""Decodes a message. The generated decoders behave the same, to the wording of every error and warning."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kerbstone.codec.layout import REVISIONS, STAMP_BYTES, STATUS_BITS, Quality, Trust, from_hex, read_head
from kerbstone.codec.model import Layout, Profile
from kerbstone.errors import CodecError

Decodable = int | float | str | list[str] | None


@dataclass(frozen=True)
class Decoded:
    """What a message says. A value is None where the sender had none; `stamp` is in seconds since 1970, None if there is none."""

    profile: str
    revision: int
    record: str
    quality: Quality
    trust: Trust
    stamp: int | None
    repeat: bool
    seq: int | None
    values: dict[str, Decodable]
    units: dict[str, str]
    warnings: list[str] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        """The plain form every generated decoder returns under `data` (without the warnings)."""
        return {
            "profile": self.profile,
            "revision": self.revision,
            "record": self.record,
            "quality": self.quality.name.lower(),
            "trust": self.trust.name.lower(),
            "stamp": self.stamp,
            "repeat": self.repeat,
            "seq": self.seq,
            "values": self.values,
            "units": self.units,
        }


def decode(profile: Profile, data: bytes | str) -> Decoded:
    """Decode bytes or a hex string. A message of a newer revision yields the known channels and a warning.

    Raises CodecError for a payload that is empty, not hex, of another profile or version, truncated, too long or damaged.
    """
    payload = from_hex(data) if isinstance(data, str) else bytes(data)
    head = read_head(payload)
    name = profile.name
    if head.number != profile.number:
        raise CodecError(f"the payload is of profile number {head.number}, not of {name} ({profile.number}): choose its own profile")
    if head.version != profile.version:
        raise CodecError(f"{name}: version {head.version} is not the known version {profile.version}: get the profile file of that version")
    layout = profile.layouts[min(head.revision, len(profile.layouts) - 1)]
    known = min(profile.revision, REVISIONS)
    newer = head.revision > known or head.revision == REVISIONS
    status = payload[head.size] >> 4 if len(payload) > head.size else 0
    quality, trust = Quality(status >> 2), Trust(status & 3)
    trailer = STAMP_BYTES if trust.stamped else 0
    size = _fit(profile, layout, len(payload), trailer, newer)
    record, count = layout[size]

    warnings: list[str] = []
    pad = profile.padding(count)
    spare = payload[size - 1] & ((1 << pad) - 1)
    unread = len(payload) - trailer - size
    if spare and not newer:
        raise CodecError(f"{name}: the last {pad} bits of record {record} must be zero: the payload is damaged or of another profile")
    if unread or spare:
        what = f"bytes not read: {unread}" if unread else f"bits not read: {pad}"
        warnings.append(f"{name}: sent by a newer revision than {known}, {what}")
    values: dict[str, Decodable] = {}
    bits = int.from_bytes(payload[head.size : size], "big")
    left = 8 * (size - head.size) - STATUS_BITS
    for channel in profile.channels[:count]:
        left -= channel.bits
        values[channel.name], warning = channel.decode(bits >> left & ((1 << channel.bits) - 1))
        if warning:
            warnings.append(f"{name}: {warning}")
    units = {channel.name: channel.unit for channel in profile.channels[:count] if channel.unit}
    stamp, repeat, seq = _stamp(payload[-trailer:]) if trailer else (None, False, None)
    return Decoded(name, head.revision, record, quality, trust, stamp, repeat, seq, values, units, warnings)


def decode_any(profiles: Iterable[Profile], data: bytes | str) -> Decoded:
    """Decode by the profile whose number the header carries. Raises CodecError if none has it."""
    payload = from_hex(data) if isinstance(data, str) else bytes(data)
    head = read_head(payload)
    choices = list(profiles)
    for profile in choices:
        if profile.number == head.number:
            return decode(profile, payload)
    known = ", ".join(f"{profile.name} ({profile.number})" for profile in choices)
    raise CodecError(f"the payload is of profile number {head.number}, not of {known}: give the path of its profile file")


def _fit(profile: Profile, layout: Layout, length: int, trailer: int, newer: bool) -> int:
    """The live length of the record: what the length says, or the longest that fits if the sender knows more than we."""
    size = length - trailer
    if size in layout:
        return size
    shorter = [known for known in layout if known < size]
    if newer and shorter:
        return max(shorter)
    sizes = " or ".join(f"{known + trailer} ({layout[known][0]})" for known in sorted(layout))
    fault = "too long" if len(shorter) == len(layout) else "truncated"
    raise CodecError(f"{profile.name}: {fault}, length {length}: a {'stamped' if trailer else 'live'} record has {sizes} bytes")


def _stamp(trailer: bytes) -> tuple[int | None, bool, int]:
    """Stamp, repeat and sequence number; a stamp of 0 is that of a repeat whose time was never known."""
    return int.from_bytes(trailer[:4], "big") or None, bool(trailer[4] >> 7), trailer[4] & 127
