"""Bundles over CoAP: the server offers, the device fetches block by block (RFC 7959, Block2) and goes on where it stopped.

An offer lies in the 2.04 that acknowledges a record, so it costs no wake: "KUB1", first 4 bytes of the bundle's SHA-256, its bytes u32.
The blocks are those of GET /<path>/<device id>/<the same 4 bytes in hexadecimal>, in any order, from any wake.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

from kerbstone.update.carry.reports import RECEIVING, Report, reports
from kerbstone.update.fragments import name_of

MARK = b"KUB1"


class Shelf:
    """A Carrier, and what a CoapListener asks when devices come: see its `shelf`. `on_report(device, report)` is called in the server's
    thread.
    """

    def __init__(self, on_report: Callable[[str, Report], None] | None = None) -> None:
        self._on_report = on_report
        self._lock = threading.Lock()
        self._bundles: dict[str, bytes] = {}

    def begin(self, device: str, bundle: bytes, had: int = 0) -> None:
        """As Carrier.begin; the device itself knows what it has."""
        with self._lock:
            self._bundles[device] = bundle

    def heard(self, device: str, payload: bytes) -> list[Report]:
        """As Carrier.heard: what became of a bundle ends its offer."""
        told = reports(payload)
        with self._lock:
            bundle = self._bundles.get(device)
            name = name_of(hashlib.sha256(bundle).digest()) if bundle else None
            if any(r.bundle == name and r.state != RECEIVING for r in told):
                self._bundles.pop(device, None)
        if self._on_report:
            for report in told:
                self._on_report(device, report)
        return told

    def stop(self, device: str) -> None:
        """As Carrier.stop."""
        with self._lock:
            self._bundles.pop(device, None)

    def waits(self, device: str) -> bool:
        """Whether there is still a bundle for the device."""
        return device in self._bundles

    def offer(self, device: str) -> bytes:
        """What the answer to a record of the device carries; nothing where there is no bundle."""
        bundle = self._bundles.get(device)
        return MARK + hashlib.sha256(bundle).digest()[:4] + len(bundle).to_bytes(4, "big") if bundle else b""

    def bundle(self, device: str, name: str) -> bytes | None:
        """The bundle the device asks for by that name, if it is still the one it should have."""
        bundle = self._bundles.get(device)
        return bundle if bundle and hashlib.sha256(bundle).digest()[:4].hex() == name else None
