"""When a ring has proven an update, and when it has shown that it is bad. Nothing here knows of clocks, files or networks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kerbstone.update.rollout.model import CONFIRMED, FAILED, PROBATION, UNDER_WAY, WAITING, Device, Health

OPEN, CLOSED, BROKEN = "open", "closed", "broken"
SILENT, LATE, UNWELL = "silent", "late", "unwell"
_OWN_RESETS = 4  # a start to install, one to try, and room for a supply that fails in between
_POWER_CYCLES = 1  # a battery that was changed


@dataclass(frozen=True)
class Gate:
    """What is asked of a ring. Times in seconds, shares from 0 to 1."""

    share: float = 0.95  # of the ring that has to be confirmed
    within_s: int = 3 * 86400  # from the ring's beginning: by then
    failures: float = 0.02  # share of the ring that may be refused, reverted, silent or unwell
    silent_s: int = 12 * 3600  # without a word: counts as failed. Longer than a trial, and than any pause of the device
    battery_drop_v: float = 0.12  # three steps of the health report
    auto: bool = False  # the next ring begins by itself when this one is open

    def allowed(self, size: int) -> int:
        """Devices of a ring that may fail."""
        return math.floor(self.failures * size + 1e-9)

    def wanted(self, size: int) -> int:
        """Devices of a ring that have to be confirmed."""
        return max(math.ceil(self.share * size - 1e-9), 1)


@dataclass(frozen=True)
class Verdict:
    """`state`: OPEN, CLOSED (not yet) or BROKEN. `why`: one sentence."""

    state: str
    why: str


def worse(before: Health | None, after: Health | None, gate: Gate) -> str:
    """What became worse between two health reports, in a few words; "" when nothing did, or nothing is known."""
    if not after:
        return ""
    if after.get("mode") == "safe":
        return "safe mode"
    if not before:
        return ""

    def grown(name: str) -> float:
        old, new = before.get(name), after.get(name)
        return 0 if old is None or new is None else new - old

    if grown("crashes") > 0:
        return f"{grown('crashes'):g} crashes"
    if grown("resets_other") > _OWN_RESETS:
        return f"{grown('resets_other'):g} resets"
    if grown("resets_power") > _POWER_CYCLES:
        return f"{grown('resets_power'):g} power failures"
    if grown("failing_parts") > 0:
        return f"{grown('failing_parts'):g} parts fail"
    if grown("battery_v") < -gate.battery_drop_v:
        return f"battery {grown('battery_v'):+.2f} V"
    return ""


def standing(device: Device, gate: Gate, now_s: int, listening_s: int) -> tuple[str, str]:
    """(state, reason) of a device as the gate sees it: its own, or SILENT, LATE or UNWELL.

    `listening_s`: since when somebody listens; before that nobody could have heard it.
    """
    if device.state == WAITING or device.state in FAILED:
        return device.state, device.reason
    since = max(device.offered_s, device.heard_s, listening_s)
    if now_s - since > gate.silent_s:
        return SILENT, f"not heard for {(now_s - since) / 3600:.0f} h"
    if device.state in (PROBATION, CONFIRMED) and (why := worse(device.before, device.after, gate)):
        return UNWELL, why
    if device.state in UNDER_WAY and now_s - max(device.offered_s, listening_s) > gate.within_s:
        return LATE, f"still {device.state}"
    return device.state, device.reason


def judge(ring: Sequence[Device], gate: Gate, now_s: int, listening_s: int) -> Verdict:
    """Of one ring that has been offered the update."""
    found = [standing(device, gate, now_s, listening_s) for device in ring]
    bad = [(state, why) for state, why in found if state in (*FAILED, SILENT, LATE, UNWELL)]
    size, allowed = len(ring), gate.allowed(len(ring))
    if len(bad) > allowed:
        words = Counter(f"{state} ({why})" if why else state for state, why in bad)
        told = ", ".join(f"{count} {word}" for word, count in words.most_common(3))
        return Verdict(BROKEN, f"{len(bad)} of {size} devices failed and {allowed} may: {told}")
    good = sum(state == CONFIRMED for state, _ in found)
    wanted = gate.wanted(size)
    if good < wanted:
        return Verdict(CLOSED, f"{good} of {size} devices are confirmed and {wanted} are wanted")
    return Verdict(OPEN, f"{good} of {size} devices are confirmed")
