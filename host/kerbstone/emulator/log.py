"""The event log: one JSON line an event, and a running SHA-256 over all of them."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Protocol


class _Clock(Protocol):
    now: int


class EventLog:
    """Keeps every event as (t_us, source, kind, fields)."""

    def __init__(self) -> None:
        self.clock: _Clock | None = None
        self.events: list[tuple[int, str, str, dict[str, Any]]] = []

    def write(self, source: str, kind: str, /, **fields: Any) -> None:
        """Appends an event at the clock's present time. Fields must be JSON values; never a secret."""
        t = self.clock.now if self.clock else 0
        self.events.append((t, source, kind, fields))

    def of(self, source: str | None = None, kind: str | None = None) -> list[tuple[int, str, str, dict[str, Any]]]:
        return [e for e in self.events if (source is None or e[1] == source) and (kind is None or e[2] == kind)]


def line(event: tuple[int, str, str, dict[str, Any]]) -> str:
    """The canonical text of an event."""
    t, source, kind, fields = event
    return json.dumps([t, source, kind, fields], sort_keys=True, separators=(",", ":"))


def digest(events: list[tuple[int, str, str, dict[str, Any]]]) -> str:
    """SHA-256 of the canonical lines, in order of time and source."""
    sha = hashlib.sha256()
    for event in sorted(events, key=lambda e: (e[0], e[1])):
        sha.update(line(event).encode())
        sha.update(b"\n")
    return sha.hexdigest()
