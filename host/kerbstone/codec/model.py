"""A profile: which channels a message carries, in which order, and where its records end."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kerbstone.codec.channel import Channel
from kerbstone.codec.layout import REVISIONS, STATUS_BITS, head_bytes

Layout = dict[int, tuple[str, int]]
"""Length of a live message in bytes -> (record, number of channels)."""


class Ambiguous(ValueError):
    """Two records of one revision have the same length, so the length could not tell them apart."""


@dataclass(frozen=True)
class Profile:
    """`since[i]` is the revision that appended channel i; `cuts` maps a record to its number of channels, shortest first."""

    name: str
    title: str
    number: int
    version: int
    channels: tuple[Channel, ...]
    since: tuple[int, ...]
    cuts: dict[str, int]
    path: Path | None = None

    @property
    def revision(self) -> int:
        """How often the list of channels has grown."""
        return max(self.since)

    def size(self, count: int) -> int:
        """Bytes of a live message that carries the first `count` channels."""
        return head_bytes(self.number) + (STATUS_BITS + sum(c.bits for c in self.channels[:count]) + 7) // 8

    def padding(self, count: int) -> int:
        """Zero bits after the first `count` channels."""
        return -(STATUS_BITS + sum(c.bits for c in self.channels[:count])) % 8

    @cached_property
    def layouts(self) -> tuple[Layout, ...]:
        """For each value of the header's revision field, up to this profile's own: what the length of a message means.

        Raises Ambiguous if one length would mean two things.
        """
        return tuple(self._layout(field) for field in range(min(self.revision, REVISIONS) + 1))

    def _layout(self, field: int) -> Layout:
        layout: Layout = {}
        for record, count in self._records(field):
            length = self.size(count)
            known, there = layout.setdefault(length, (record, count))
            if there != count:
                raise Ambiguous(f"records {known} ({there} channels) and {record} ({count} channels) both take {length} bytes")
        return layout

    def _records(self, field: int) -> Iterator[tuple[str, int]]:
        """Records as older senders knew them: a cut holds what its revision had. The field's last value stands for all later ones."""
        newest = self.revision if field == REVISIONS else field
        for revision in range(newest, field - 1, -1):
            grown = sum(since <= revision for since in self.since)
            for record, count in self.cuts.items():
                yield record, min(count, grown)

    def compiled(self) -> dict[str, object]:
        """The table the firmware encodes by: plain JSON of integers and names."""
        return {
            "name": self.name,
            "id": self.number,
            "version": self.version,
            "revision": min(self.revision, REVISIONS),
            "channels": [channel.compiled() for channel in self.channels],
            "records": dict(self.cuts),
        }
