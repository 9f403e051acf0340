"""What is known of a roll-out and of each of its devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WAITING, OFFERED, RECEIVING = "waiting", "offered", "receiving"
TRIAL, PROBATION, CONFIRMED, REFUSED, REVERTED = "trial", "probation", "confirmed", "refused", "reverted"
UNDER_WAY = (OFFERED, RECEIVING, TRIAL, PROBATION)
FAILED = (REFUSED, REVERTED)

RUNNING, HALTED, DONE, ENDED = "running", "halted", "done", "ended"
NUMBERS = 4194303  # update_number of a report is the sequence number modulo this (protocols/profiles/update.toml)

Health = dict[str, Any]  # values of the profile `health`


@dataclass
class Device:
    """A device within a roll-out. Times: seconds since 1970."""

    name: str
    ring: int
    state: str = WAITING
    reason: str = ""
    fragments: int = 0  # on the device, as it said
    sent: int = 0  # fragments handed to the transport, and the next one to go
    offered_s: int = 0
    heard_s: int = 0  # anything at all, since it was offered
    before: Health | None = None  # its last health report before it ran the update
    after: Health | None = None  # and its last with it


@dataclass
class Rollout:
    """`rings`: how they were asked for; `ring`: the last one that is offered the update, from 0; `ring_s`: when it began.

    `listening_s`, `beat_s`: since when the latest run listens, and when it last said so; 0: none ever did.
    """

    name: str
    sha256: str
    sequence: int
    device_class: str  # UUID, hexadecimal
    rings: list[str]
    gate: dict[str, Any]
    ring: int
    ring_s: int
    state: str
    reason: str
    version: int = 0  # counts decisions: who works on the devices reads them anew when it has changed
    listening_s: int = 0
    beat_s: int = 0
    devices: list[Device] = field(default_factory=list)

    def of_ring(self, ring: int) -> list[Device]:
        return [device for device in self.devices if device.ring == ring]

    @property
    def last_ring(self) -> bool:
        return self.ring == len(self.rings) - 1
