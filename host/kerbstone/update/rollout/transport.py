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
    """`size`: bytes of the largest fragment it carries, head included; `spare`: as a Push has it; the others: as Pace has them."""

    size: int
    window: int
    spare: float
    at_once: bool
    settle_s: float

    def now_s(self) -> float:
        """Seconds since 1970, on the clock that runs for the devices."""

    def room(self, device: str) -> bool:
        """Whether it takes another fragment for this device now: this is what paces a roll-out."""

    def send(self, device: str, fragment: bytes) -> None:
        """Takes a fragment for which there is room."""

    def heard(self) -> list[Heard]:
        """What has come since the last call, of any device."""

    def forget(self, device: str) -> None:
        """Takes back what waits for a device and has not left, as far as it can."""
