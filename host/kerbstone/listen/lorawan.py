"""Listens to what a LoRaWAN network server delivers and decodes it: the counterpart of the MQTT listener."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kerbstone.codec.batch import split
from kerbstone.codec.decode import Decoded, decode
from kerbstone.codec.model import Profile
from kerbstone.emulator.air.ns_core import UplinkMeta
from kerbstone.errors import CodecError


@dataclass(frozen=True)
class Arrival:
    """One uplink with a payload. `order` counts all arrivals of the listener from 0; `t_us` is the virtual time of its end."""

    order: int
    device: str
    port: int
    payload: bytes
    fcnt: int
    t_us: int
    freq_hz: int
    dr: int
    rssi_dbm: float
    snr_db: float


RecordSink = Callable[[Arrival, Decoded], None]


class LoRaWanListener:
    """Hand `on_uplink` to the network server. Every method may be called from any thread.

    `profiles`: by device name; a device without one is kept but not decoded. `on_record(arrival, decoded)` is called on the server's
    thread, once for each message of a payload that decodes; `undecoded` keeps the others with the reason.
    """

    def __init__(self, profiles: Mapping[str, Profile] | None = None, on_record: RecordSink | None = None):
        self._profiles = dict(profiles or {})
        self._on_record = on_record
        self._lock = threading.Lock()
        self._arrivals: list[Arrival] = []
        self._undecoded: list[tuple[Arrival, str]] = []

    def on_uplink(self, device: str, port: int, payload: bytes, fcnt: int, meta: UplinkMeta) -> None:
        """A frame from the network server; see NetworkServer."""
        with self._lock:
            arrival = Arrival(
                len(self._arrivals), device, port, payload, fcnt, meta["t_us"], meta["freq_hz"], meta["dr"], meta["rssi_dbm"],
                meta["snr_db"],
            )  # fmt: skip
            self._arrivals.append(arrival)
        profile = self._profiles.get(device)
        if profile is None:
            return
        try:
            decoded = [decode(profile, message) for message in split(payload)]
        except CodecError as error:
            with self._lock:
                self._undecoded.append((arrival, str(error)))
            return
        if self._on_record:
            for record in decoded:
                self._on_record(arrival, record)

    def arrivals(self, device: str | None = None) -> list[Arrival]:
        """All arrivals, or those of one device, in order."""
        with self._lock:
            return [a for a in self._arrivals if device is None or a.device == device]

    @property
    def undecoded(self) -> list[tuple[Arrival, str]]:
        with self._lock:
            return list(self._undecoded)
