"""Health reports of many devices, as `kerbstone listen --json` wrote them down: a line a device, with its battery as a sparkline."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerbstone.codec import decode_any, load_profile
from kerbstone.errors import CodecError, KerbstoneError

_BARS = "▁▂▃▄▅▆▇█"
_POINTS = 16
_LOW_DAYS = 90  # from here on somebody should plan a visit


@dataclass
class Device:
    """What one device has reported of itself, oldest first: (time of arrival, values)."""

    name: str
    reports: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def last(self) -> dict[str, Any]:
        return self.reports[-1][1]

    @property
    def at(self) -> str:
        return self.reports[-1][0]

    def series(self, name: str) -> list[float]:
        return [values[name] for _, values in self.reports if values.get(name) is not None]

    def concerns(self) -> list[str]:
        """Sentences for a person; empty when all is well."""
        last, found = self.last, []
        if last["mode"] != "normal":
            found.append(f"runs in {last['mode']} mode")
        days = last.get("battery_days")
        if days is not None and days <= _LOW_DAYS:
            found.append(f"battery for {days} days")
        faults = last.get("part_faults") or []
        if faults or last["failing_parts"]:
            found.append(f"{', '.join(faults) or last['failing_parts']} does not answer")
        if (margin := last.get("link_margin_db")) is not None and margin < 5:
            found.append(f"only {margin} dB of margin")
        if (share := last.get("link_acked_pct")) is not None and share < 80:
            found.append(f"{share} % acknowledged")
        if len(self.reports) > 1:
            before = self.reports[-2][1]
            for name, what in (("crashes", "crash"), ("resets_watchdog", "watchdog reset"), ("resets_power", "loss of power")):
                if (rise := (last.get(name) or 0) - (before.get(name) or 0)) > 0:
                    found.append(f"{rise} x {what} since the last report")
        return found


def sparkline(values: list[float]) -> str:
    """One character a value, the lowest at the bottom; the last ones where there are many."""
    shown = values[-_POINTS:]
    if not shown:
        return ""
    low, span = min(shown), max(shown) - min(shown)
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1)) if span else 0] for value in shown)


def read(path: Path) -> list[Device]:
    """The devices of a file of JSON lines. Raises KerbstoneError with the line that cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KerbstoneError(f"{path} cannot be read ({error}): give what `kerbstone listen --json` printed.") from None
    return collect(lines, str(path))


def collect(lines: Iterable[str], where: str) -> list[Device]:
    """As `read`, of lines. Messages of other profiles, and those nobody could decode, are passed over."""
    profile, found = load_profile("health"), dict[str, Device]()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            at, name, payload = str(row["at"]), str(row["device"]), bytes.fromhex(row["payload"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise KerbstoneError(f"{where}:{number} is no line of `kerbstone listen --json`: give what that printed.") from None
        try:
            decoded = decode_any([profile], payload)
        except CodecError:
            continue
        found.setdefault(name, Device(name)).reports.append((at, dict(decoded.values)))
    return sorted(found.values(), key=lambda device: device.name)


def rows(device: Device) -> dict[str, str]:
    """The line of a device, by column."""
    last = device.last

    def shown(name: str, unit: str = "") -> str:
        value = last.get(name)
        return "?" if value is None else f"{value:g}{unit}" if isinstance(value, float) else f"{value}{unit}"

    days = last.get("battery_days")
    return {
        "device": device.name, "seen": device.at, "mode": str(last["mode"]),
        "battery": f"{sparkline(device.series('battery_v'))} {shown('battery_v', ' V')}".strip(),
        "lasts": "nobody can tell" if days is None else f"{days} days",
        "link": f"{shown('link_dbm', ' dBm')} {shown('link_margin_db', ' dB')} {shown('link_acked_pct', ' %')}",
        "clock": shown("clock_slip_ppm", " ppm"), "wear": shown("flash_wear_ppm", " ppm"),
        "starts": f"{last['resets_power']}+{last['resets_other']} ({shown('resets_watchdog')})",
        "crashes": shown("crashes"), "queue": shown("queue"), "concerns": "; ".join(device.concerns()),
    }
