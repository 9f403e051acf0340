"""Brings what a node said, what arrived and what was true together into its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kerbstone.build.node import Node
from kerbstone.codec.batch import split
from kerbstone.codec.decode import Decoded, decode, decode_any
from kerbstone.codec.layout import STAMP_BYTES, Trust
from kerbstone.codec.profile import load_profile
from kerbstone.emulator.cell import NodeTrace
from kerbstone.emulator.console import Account, is_gap
from kerbstone.emulator.result import NodeResult
from kerbstone.emulator.score import percentile, score_node
from kerbstone.errors import CodecError

SERVICE = ("node", "answer", "health", "crash", "update", "log")  # profiles of any node, whatever its application
_UAS_PER_MAH = 3_600_000.0
_SAME_US = 60_000_000  # a live record and its stamped repeat agree in time to this


@dataclass
class Arrival:
    """A frame as the network server or the broker's subscriber got it."""

    t_us: int
    payload: bytes
    dr: int | None = None
    rssi_dbm: float | None = None
    redelivered: bool = False  # the broker said that it may have delivered this before


def tally(node: Node, trace: NodeTrace, arrivals: list[Arrival], start_utc: int, duration_us: int) -> NodeResult:
    """The node's figures. `arrivals` in order of time."""
    spec = node.spec
    result = NodeResult(
        name=node.name, app=spec.node.app, profile=node.profile, board=node.board.title, uplink=spec.uplink.kind, wakes=trace.boots,
        readings=len(trace.account.readings), uplinks=len(trace.account.sent), charge_uas=trace.charge_uas, time_us=trace.time_us,
        truth=trace.truth, network=trace.network, wake_sums=[s.to_json() for s in trace.wake_sums],
    )
    total = sum(sum(states.values()) for states in trace.charge_uas.values())
    result.mah_per_day = total / _UAS_PER_MAH / (duration_us / 86_400e6)
    profiles = [load_profile(node.profile), *map(load_profile, SERVICE)]
    told = 0
    distinct: list[tuple[bytes, int]] = []
    for arrival in arrivals:
        result.transmissions.append(
            {"t_us": arrival.t_us, "bytes": len(arrival.payload), "dr": arrival.dr, "rssi_dbm": arrival.rssi_dbm, "kind": "up"}
        )
    for arrival, message in _messages(arrivals, result.notes):
        try:
            decoded = decode_any(profiles, message)
        except CodecError as error:
            result.notes.append(f"not decoded: {error}")
            continue
        sample_us = _sample_us(decoded, arrival, start_utc)
        key = _content(message, decoded)
        timeless = decoded.repeat and decoded.stamp is None
        seen = any(k == key and (timeless or abs(t - sample_us) < _SAME_US) for k, t in distinct)
        if seen and (decoded.repeat or arrival.redelivered):
            result.repeats += 1
        elif seen:
            result.duplicates += 1
        else:
            distinct.append((key, sample_us))
            if decoded.profile == "node":
                told += gap_count(decoded)
                continue
            if decoded.profile in SERVICE:
                result.service.append({"profile": decoded.profile, **_record(decoded, arrival.t_us, sample_us)})
                continue
            result.records.append(_record(decoded, arrival.t_us, sample_us))
    told += sum(gap_count(decode(profiles[1], trace.account.put[name])) for name in trace.account.waiting if is_gap(name))
    own = Counter(key for key, _ in distinct if key[0] >> 4 != profiles[1].number)
    _account(result, trace, own, told)
    result.receipt = _receipts(trace.account)
    result.score = score_node(result, duration_us)
    result.notes += [*trace.account.faults, *trace.account.notes, *trace.account.errors[-12:]]
    return result


def _messages(arrivals: list[Arrival], notes: list[str]) -> Iterator[tuple[Arrival, bytes]]:
    """Each message of each frame."""
    for arrival in arrivals:
        try:
            messages = split(arrival.payload)
        except CodecError as error:
            notes.append(f"not decoded: {error}")
            continue
        for message in messages:
            yield arrival, message


def _receipts(account: Account) -> dict[str, float]:
    """Seconds from the node's decision to the receipt, of the records for which it knows them; alarms also by themselves."""
    took = {name: s for name, (s, _) in account.receipt_s.items() if not is_gap(name)}
    out: dict[str, float] = {}
    for what, some in (("", sorted(took.values())), ("alarm_", sorted(s for name, s in took.items() if name[0] == "0"))):
        if some:
            out |= {f"{what}records": len(some), f"{what}median_s": percentile(some, 50), f"{what}p95_s": percentile(some, 95)}
            out[f"{what}longest_s"] = some[-1]
    for _, kind in account.receipt_s.values():
        out[f"by_{kind}"] = out.get(f"by_{kind}", 0) + 1
    return out


def gap_count(decoded: Decoded) -> int:
    """Records a gap message counts."""
    return sum(int(value) for value in decoded.values.values() if isinstance(value, int | float))


def _account(result: NodeResult, trace: NodeTrace, decoded: Counter[bytes], told: int) -> None:
    """Every reading is decoded, waiting, counted in a gap marker, or lost; contents are compared, not only counted."""
    account = trace.account
    result.decoded = sum(decoded.values())
    waiting = account.waiting
    wanted: Counter[bytes] = Counter()
    dropped: Counter[bytes] = Counter()
    for name, frame in account.readings.items():
        if name in account.dropped:
            dropped[_stored_content(bytes.fromhex(frame))] += 1
        elif name not in waiting:
            wanted[_stored_content(bytes.fromhex(frame))] += 1
    missing = wanted - decoded
    result.gap = told
    # What was given up and told by no marker is lost.
    untold = max(sum(dropped.values()) - told, 0)
    result.lost = sum(missing.values()) + untold
    # A record may have arrived although its receipt did not come back before the run ended, and though it was given up then.
    result.waiting = result.readings - result.decoded - result.lost - (sum((dropped - (decoded - wanted)).values()) - untold)
    if told:
        result.notes.append(f"given up for want of room or for their age, and counted: {told}")
    if result.lost:
        result.notes.append(f"lost: {', '.join(k.hex() for k in list(missing)[:5])}")


def _sample_us(decoded: Decoded, arrival: Arrival, start_utc: int) -> int:
    """When the reading was taken, in run time: its stamp, else its arrival."""
    if decoded.stamp:
        return (decoded.stamp - start_utc) * 1_000_000
    return arrival.t_us


def _live_content(frame: bytes) -> bytes:
    """A frame without its trust bits."""
    at = 2 if frame[0] >> 4 == 15 else 1
    return frame[:at] + bytes([frame[at] & 0xCF]) + frame[at + 1 :]


def _stored_content(frame: bytes) -> bytes:
    """As `_live_content`, of a frame whose trust bits tell whether a stamp stands behind it."""
    trust = frame[2 if frame[0] >> 4 == 15 else 1] >> 4 & 3
    return _live_content(frame[:-STAMP_BYTES] if trust in (Trust.STAMPED, Trust.UNSURE) else frame)


def _content(payload: bytes, decoded: Decoded) -> bytes:
    """As `_live_content`, of a frame that may carry a stamp."""
    return _live_content(payload[:-STAMP_BYTES] if decoded.trust in (Trust.STAMPED, Trust.UNSURE) else payload)


def _record(decoded: Decoded, t_us: int, sample_us: int) -> dict[str, Any]:
    return {
        "t_us": t_us, "sample_us": sample_us, "record": decoded.record, "values": decoded.values, "quality": decoded.quality.name.lower(),
        "trust": decoded.trust.name.lower(), "repeat": decoded.repeat,
    }
