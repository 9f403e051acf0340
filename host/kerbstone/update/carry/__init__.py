"""Ways of a bundle to devices. Every one gets the same bytes there; what differs is who asks, and in which pieces they travel.

A `Carrier` is told what a device is to have (`begin`), hears each message of the device (`heard`) and sends what is due.
"""

from __future__ import annotations

from typing import Protocol

from kerbstone.update.carry.reports import Report


class Carrier(Protocol):
    """Every method may be called from any thread."""

    def begin(self, device: str, bundle: bytes, had: int = 0) -> None:
        """Brings a bundle to a device, in place of what was on its way; `had`: fragments it is known to have of this one."""

    def heard(self, device: str, payload: bytes) -> list[Report]:
        """Takes a message of a device, of whatever profile; goes on with its bundle. What the message says of updates."""

    def stop(self, device: str) -> None:
        """Sends nothing more. What has left already may still arrive."""
