"""What carries fragments to devices and brings back what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Heard:
    """A frame of a device. `at_s`: seconds since 1970."""

    device: str
    payload: bytes
    at_s: int


class Transport(Protocol):
    """`size`: bytes of the largest fragment it carries, head included. `patience_s`: how long a device may take to report."""

    size: int
    patience_s: int

    def now_s(self) -> int:
        """Seconds since 1970, on the clock that runs for the devices."""

    def room(self, device: str) -> bool:
        """Whether it takes another fragment for this device now: this is what paces a roll-out."""

    def send(self, device: str, fragment: bytes) -> bool:
        """Takes a fragment; False when it could not, and then it is to be tried again."""

    def heard(self) -> list[Heard]:
        """What has come since the last call, of any device."""

    def forget(self, device: str) -> None:
        """Takes back what waits for a device and has not left, as far as it can."""
