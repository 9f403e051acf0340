"""What a run leaves behind: plain data for the table, `--json` and the report page."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class NodeResult:
    """Figures of one node. Times are us of virtual time since the start of the run."""

    name: str
    app: str
    profile: str
    board: str
    uplink: str  # "lorawan" or "mqtt"
    wakes: int = 0  # boots, cold or from deep sleep
    readings: int = 0  # records the application asked to report
    uplinks: int = 0  # frames with a record that left the node, repeats included
    decoded: int = 0  # distinct records decoded at the other end
    waiting: int = 0  # records still in the outbox when the run ended
    gap: int = 0  # readings given up by the node and counted in a gap marker
    lost: int = 0  # readings that are neither decoded, waiting, nor counted as given up
    duplicates: int = 0  # records that arrived twice without saying so
    repeats: int = 0  # records that arrived again and said so
    mah_per_day: float = 0.0
    charge_uas: dict[str, dict[str, float]] = field(default_factory=dict)  # consumer -> state -> uA s
    time_us: dict[str, dict[str, int]] = field(default_factory=dict)  # consumer -> state -> us
    wake_sums: list[dict[str, Any]] = field(default_factory=list)  # {"cause", "uplink", "count", "charge_uas", "time_us"}; wakes.WakeSum
    records: list[dict[str, Any]] = field(default_factory=list)  # {"t_us", "sample_us", "record", "values", "quality", "trust", "repeat"}
    service: list[dict[str, Any]] = field(default_factory=list)  # answers, health, crashes: as records, with their "profile"
    transmissions: list[dict[str, Any]] = field(default_factory=list)  # {"t_us", "bytes", "dr" or None, "rssi_dbm" or None, "kind"}
    receipt: dict[str, float] = field(default_factory=dict)  # from the node's decision to the receipt: tally._receipts
    truth: dict[str, Any] = field(default_factory=dict)  # Site.truth()
    score: dict[str, Any] = field(default_factory=dict)  # reports compared with the truth, by name
    network: dict[str, Any] = field(default_factory=dict)  # what the bench network server knows of the node: Device.summary
    notes: list[str] = field(default_factory=list)


@dataclass
class RunResult:
    """One run of one or more nodes."""

    seed: int
    start_utc: int  # seconds since 1970 at virtual time 0
    duration_us: int
    nodes: list[NodeResult]
    event_log_sha256: str
    events: int
    wall_s: float
    air: list[dict[str, Any]] = field(default_factory=list)  # a radio cell each: air.statistics.air_figures

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
