"""A recording of physical quantities: a CSV file with a column t_s and a column for each quantity, read and interpolated.

The columns carry the names of a site's quantities (docs/contracts.md: bx_ut, temp_c, distance_mm, ...), and rssi_db, the level at
which the gateway heard the node. An empty cell is an instant at which that quantity was not recorded.
"""

from __future__ import annotations

import csv
import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from kerbstone.errors import KerbstoneError

TIME = "t_s"
RSSI = "rssi_db"
_LONGEST_S = 400 * 86_400
_DENSE_US = 2_000_000  # who records more often than this records something that moves
_MOVED = 0.01  # share of a quantity's whole range that counts as a fast change between two rows

# What a sensor of the street can meet; beyond it a file has another unit or another column. Others: a number a 32-bit float holds well.
_PLAUSIBLE = {
    "bx_ut": (-5000, 5000), "by_ut": (-5000, 5000), "bz_ut": (-5000, 5000), "temp_c": (-90, 150), "chip_temp_c": (-90, 150),
    "rh_pct": (0, 100), "pressure_hpa": (300, 1200), "distance_mm": (0, 20_000), "tilt_deg": (-180, 180), "pm1_ug": (0, 10_000),
    "pm25_ug": (0, 10_000), "pm4_ug": (0, 10_000), "pm10_ug": (0, 10_000), "voc_ppb": (0, 1e6), "nox_ppb": (0, 1e6),
    "mains_v": (0, 500), "mains_hz": (1, 100), "lamp_power_w": (0, 50_000), "lamp_pf": (0.01, 1), "battery_v": (0, 60), RSSI: (-200, 30),
}  # fmt: skip
_ANY = (-1e6, 1e6)


class TraceError(KerbstoneError):
    """A recording or its truth cannot be used; the message names file and line."""


class Curve:
    """One quantity: rising times in us, values; straight lines between, the ends hold."""

    def __init__(self) -> None:
        self.times_us = array("q")
        self.values = array("d")
        self._at = 0

    def add(self, t_us: int, value: float) -> None:
        """Appends a later point."""
        self.times_us.append(t_us)
        self.values.append(value)

    def read(self, t_us: int) -> float:
        """The value at t_us."""
        times, i = self.times_us, self._at
        if not (0 < i < len(times) and times[i - 1] <= t_us < times[i]):
            i = self._at = bisect_right(times, t_us)
        if i == 0 or i == len(times):
            return self.values[min(i, len(times) - 1)]
        left, right = self.values[i - 1], self.values[i]
        return left + (right - left) * (t_us - times[i - 1]) / (times[i] - times[i - 1])

    def moves(self) -> Iterator[tuple[int, int]]:
        """(from, to) of each piece in which it may change fast."""
        least = _MOVED * (max(self.values) - min(self.values))
        for i in range(1, len(self.times_us)):
            change = abs(self.values[i] - self.values[i - 1])
            if change and (change > least or self.times_us[i] - self.times_us[i - 1] < _DENSE_US):
                yield self.times_us[i - 1], self.times_us[i]


class Recording:
    """The curves of a file, from 0 to `end_us`; `first_s` is the t_s that became 0."""

    def __init__(self, curves: dict[str, Curve], first_s: float, end_us: int):
        self.curves = curves
        self.first_s = first_s
        self.end_us = end_us
        self._starts, self._ends = array("q"), array("q")
        for start, end in sorted(piece for name, curve in curves.items() if name != RSSI for piece in curve.moves()):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def next_move(self, t_us: int) -> int | None:
        """When, after t_us, something next begins to change fast."""
        i = bisect_right(self._starts, t_us)
        return self._starts[i] if i < len(self._starts) else None

    def moving_until(self, t_us: int) -> int:
        """The end of the fast change under way at t_us, else t_us."""
        i = bisect_right(self._starts, t_us) - 1
        return self._ends[i] if i >= 0 and self._ends[i] > t_us else t_us


def load(path: Path) -> Recording:
    """Reads a recording. Raises TraceError, which names the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _parse(path, file)
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise TraceError(f"{path}: the file is not UTF-8 text; save it as CSV.") from error


def _parse(path: Path, file: TextIO) -> Recording:
    rows = _rows(path, file)
    _, header = next(rows, (1, []))
    names = [name.strip() for name in header]
    if TIME not in names:
        raise TraceError(f"{path}:1: the first line must name the columns, among them {TIME} (seconds).")
    if len(set(names)) != len(names) or "" in names:
        raise TraceError(f"{path}:1: every column needs a name of its own.")
    curves = {name: Curve() for name in names if name != TIME}
    at, first, last = names.index(TIME), 0.0, -1
    for line, row in rows:
        if len(row) != len(names):
            raise TraceError(f"{path}:{line}: {len(row)} values under {len(names)} columns.")
        seconds = _number(path, line, TIME, row[at], (-1e11, 1e11))
        if last < 0:
            first = seconds
        t_us = round((seconds - first) * 1e6)
        if t_us <= last:
            raise TraceError(f"{path}:{line}: {TIME} {row[at].strip()} is not later than the line before.")
        if t_us > _LONGEST_S * 1_000_000:
            raise TraceError(f"{path}:{line}: the recording is longer than 400 days; {TIME} is in seconds.")
        last = t_us
        for name, text in zip(names, row, strict=True):
            if name != TIME and text.strip():
                curves[name].add(t_us, _number(path, line, name, text, _PLAUSIBLE.get(name, _ANY)))
    if last <= 0:
        raise TraceError(f"{path}: a recording needs at least two lines of values.")
    return Recording({name: curve for name, curve in curves.items() if curve.times_us}, first, last)


def _rows(path: Path, file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of every line that is not blank."""
    reader = csv.reader(file)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise TraceError(f"{path}:{reader.line_num}: {error}.") from error
        if any(field.strip() for field in row):
            yield reader.line_num, row


def _number(path: Path, line: int, name: str, text: str, limits: tuple[float, float]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise TraceError(f"{path}:{line}: {name} is {text.strip()[:40]!r}; give a number, or nothing where none was recorded.")
    if not limits[0] <= value <= limits[1]:
        raise TraceError(f"{path}:{line}: {name} is {text.strip()[:40]}, outside {limits[0]:g}..{limits[1]:g}; is the unit right?")
    return value
