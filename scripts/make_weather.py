"""Writes the emulator's weather table from the TMY3 file that ships inside pvlib.

    python scripts/make_weather.py

TMY3 (NREL/TP-581-43156, rev. 2008) gives a typical year in local standard time. Each row is stamped with the *end* of
its hour: temperature, humidity and pressure are observed at the stamp, GHI is the mean of the hour before it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pvlib  # type: ignore[import-untyped]

STATION = "723170"
SOURCE = Path(pvlib.__file__).parent / "data" / f"{STATION}TYA.CSV"
TARGET = Path(__file__).parent.parent / "host" / "kerbstone" / "emulator" / "world" / "data" / f"weather_{STATION}.csv"

COLUMNS = {  # ours: (TMY3's name, scale)
    "temp_dc": ("Dry-bulb (C)", 10),
    "rh_pct": ("RHum (%)", 1),
    "pressure_hpa": ("Pressure (mbar)", 1),
    "ghi_w_m2": ("GHI (W/m^2)", 1),
}


def rows(source: Path = SOURCE) -> Iterator[list[int]]:
    """Yields [hour index 0..8759, temperature 0.1 C, RH %, pressure hPa, GHI W/m2] for each hour of the typical year."""
    with source.open(newline="") as file:
        next(file)  # station line
        for hour, row in enumerate(csv.DictReader(file)):
            yield [hour, *(round(float(row[name]) * scale) for name, scale in COLUMNS.values())]


def main() -> None:
    """Writes the table."""
    with SOURCE.open(newline="") as file:
        _, name, state, offset_h, lat, lon, altitude = next(csv.reader(file))
    lines = [
        f"# source: NREL TMY3 {SOURCE.name} (public domain), as packaged by pvlib {pvlib.__version__}; made by scripts/make_weather.py",
        f"# station: {STATION} {name.title()}, {state}; lat {float(lat)}, lon {float(lon)}, {altitude} m; "
        f"time zone UTC{float(offset_h):+.0f}",
        "# hour i of the year ends at local standard hour i+1: the first three are values at that end, GHI is the mean over the hour",
        ",".join(["hour", *COLUMNS]),
    ]
    lines += [",".join(map(str, row)) for row in rows()]
    TARGET.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
