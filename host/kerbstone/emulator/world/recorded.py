"""A site that was recorded: what the file holds comes from the file, everything else from the site it stands in for."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from kerbstone.emulator.world.outdoor import NEVER_US
from kerbstone.emulator.world.recording import RSSI, Recording, TraceError, load
from kerbstone.emulator.world.site import Site

Inner = Callable[[int, random.Random, Mapping[str, Any]], Site]
_OPEN_SHARE = 0.9  # the link is open at the level that nine tenths of the recorded ones stay below
_TRUTH_STEP_US = 60_000_000


def read_stays(path: Path, recording: Recording) -> list[tuple[int, int]]:
    """(arrived, left) in us of a truth file: {"stays": [{"arrive_s": 1465.6, "leave_s": 2253.0}, ...]}. Raises TraceError."""
    try:
        stays = [
            tuple(round((float(stay[key]) - recording.first_s) * 1e6) for key in ("arrive_s", "leave_s"))
            for stay in json.loads(path.read_text(encoding="utf-8"))["stays"]
        ]
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise TraceError(f"{path}: a truth file holds stays, a list of objects with arrive_s and leave_s ({error!r}).") from error
    if any(left < arrived for arrived, left in stays) or any(b[0] < a[1] for a, b in pairwise(stays)):
        raise TraceError(f"{path}: the stays must follow each other in time, and each must end after it began.")
    return [(arrived, left) for arrived, left in stays]


class Recorded:
    """Options: `trace` (a CSV file), `truth` (a JSON file, or nothing), and those of the site it stands in for.

    A column rssi_db becomes a loss of the radio link: 0 dB where the link is open, more by as much as the level falls below that.
    The level itself is that of the path to the emulated gateway.
    """

    def __init__(self, inner: Inner, start_utc: int, rng: random.Random, options: Mapping[str, Any]):
        rest = dict(options)
        self._recording = load(Path(str(rest.pop("trace"))))
        truth = rest.pop("truth", None)
        self._stays = read_stays(Path(str(truth)), self._recording) if truth else None
        self._inner = inner(start_utc, rng, rest)
        self._used: set[str] = set()
        levels = self._recording.curves.get(RSSI)
        self._open_db = sorted(levels.values)[int(_OPEN_SHARE * (len(levels.values) - 1))] if levels else 0.0

    def read(self, quantity: str, t_us: int) -> float:
        """The recorded value, else that of the site behind it."""
        self._used.add(quantity)
        curve = self._recording.curves.get(quantity)
        return self._inner.read(quantity, t_us) if curve is None else curve.read(t_us)

    def act(self, quantity: str, value: float, t_us: int) -> None:
        """A recording cannot be changed; what it does not hold can."""
        if quantity not in self._recording.curves:
            self._inner.act(quantity, value, t_us)

    def next_change(self, t_us: int) -> int:
        """When the recording, or the site behind it, next moves fast."""
        move = self._recording.next_move(t_us)
        return min(NEVER_US if move is None else move, self._inner.next_change(t_us))

    def changing_until(self, t_us: int) -> int:
        """The end of the fast change under way."""
        return max(self._recording.moving_until(t_us), self._inner.changing_until(t_us))

    def extra_loss_db(self, t_us: int) -> float:
        """How far the recorded level is below that of the open link."""
        levels = self._recording.curves.get(RSSI)
        if levels is None:
            return 0.0
        self._used.add(RSSI)
        return self._open_db - levels.read(t_us)

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        """Recorded series each minute; `used`: quantities that anything asked for; with a truth file also occupied, stays and events."""
        times = [*range(t0_us, t1_us, _TRUTH_STEP_US), t1_us]
        curves = self._recording.curves
        series = {name: [[t, round(curve.read(t), 3)] for t in times] for name, curve in curves.items()}
        out: dict[str, Any] = {"series": series, "events": [], "used": sorted(self._used)}
        if self._stays is not None:
            stays = [stay for stay in self._stays if stay[0] < t1_us and stay[1] > t0_us]
            changes = [(t, kind) for stay in stays for t, kind in zip(stay, ("arrival", "departure"), strict=True) if t0_us < t < t1_us]
            out["events"] = [{"t_us": t, "kind": kind} for t, kind in changes]
            out["stays"] = [list(stay) for stay in stays]
            begins = int(any(arrived <= t0_us < left for arrived, left in stays))
            series["occupied"] = [[t0_us, begins], *([t, int(kind == "arrival")] for t, kind in changes)]
        return out
