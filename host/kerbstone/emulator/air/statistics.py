"""What became of the uplinks of a cell, beside what chance alone would let through."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

Event = tuple[int, str, str, dict[str, Any]]


def air_figures(events: Iterable[Event], duration_us: int) -> dict[str, Any]:
    """Figures of the uplinks in an event log; empty without any. Times in ms, ratios from 0 to 1.

    `delivery` is of the frames strong enough for a gateway; `aloha` what pure ALOHA expects of them: a frame survives when no other of
    its channel and spreading factor touches it, so exp(-rate x (its airtime + the mean of the others)), neither capture nor gateways'
    own transmissions counted (N. Abramson, "The ALOHA system", AFIPS 1970).
    """
    sent: dict[tuple[str, int], tuple[int, int, int]] = {}  # sender and end -> Hz, SF, us on air
    delivered: set[tuple[str, int]] = set()
    missed: dict[tuple[str, int], str] = {}
    heard = 0
    for t_us, source, kind, fields in events:
        if kind == "on_air" and not fields["down"]:
            sent[source, t_us + fields["us"]] = (fields["freq_hz"], fields["sf"], fields["us"])
        elif kind == "uplink":
            heard += 1
            delivered.add((fields["sender"], t_us))
        elif kind == "uplink_missed":
            missed[fields["sender"], fields["end_us"]] = fields["why"]
    if not sent:
        return {}
    why = Counter(reason for key, reason in missed.items() if key not in delivered)
    reached = [row for key, row in sent.items() if key in delivered or key in missed]
    air_us = [us for _, _, us in sent.values()]
    return {
        "uplinks": len(sent), "delivered": len(delivered), "copies": heard - len(delivered), "lost": dict(sorted(why.items())),
        "too_weak": len(sent) - len(reached), "delivery": len(delivered) / max(len(reached), 1), "aloha": aloha(reached, duration_us),
        "mean_airtime_ms": sum(air_us) / len(air_us) / 1000, "airtime_s": sum(air_us) / 1e6,
        "by_sf": {str(sf): n for sf, n in sorted(Counter(sf for _, sf, _ in sent.values()).items())},
    }  # fmt: skip


def aloha(frames: list[tuple[int, int, int]], duration_us: int) -> float:
    """Share of frames (Hz, SF, us on air) that no other frame would touch if they came at random within the time."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for hz, sf, us in frames:
        groups[hz, sf].append(us)
    survive = 0.0
    for lengths in groups.values():
        others, mean_us = (len(lengths) - 1) / duration_us, sum(lengths) / len(lengths)
        survive += sum(math.exp(-others * (us + mean_us)) for us in lengths)
    return survive / max(len(frames), 1)
