"""What 32-bit floats cost: the same arithmetic on the chip and in the unix port, and how far apart they may be."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerbstone.chip.prepare import onboard, prepare
from kerbstone.emulator.engine.interpreter import find
from kerbstone.errors import ChipError
from kerbstone.paths import firmware_dir

# Largest difference by kind, in the kind's unit. The figure is what the use of the value allows, not what was found.
TOLERANCE = {
    "sun_s": 10.0,  # target of the sun algorithm's own tests on events that do not graze
    "sound_mm": 1.0,  # the A02YYUW's resolution
    "bme280_temp_c": 0.01,  # channel resolution and the sheet's own integer output
    "bme280_pressure_pa": 3.0,  # its rms noise, section 3.5.1
    "bme280_rh_pct": 0.05,  # below its rms noise of 0.07
    "gas_index_voc": 1.0,  # an index is a whole number
    "gas_index_nox": 1.0,
}
_LIMIT_S = 60.0  # chip time


@dataclass(frozen=True)
class Case:
    """One value: its kind is the name up to the slash."""

    name: str
    chip: float
    reference: float

    @property
    def kind(self) -> str:
        return self.name.split("/")[0]

    @property
    def error(self) -> float:
        return abs(self.chip - self.reference)

    @property
    def good(self) -> bool:
        return self.error <= TOLERANCE[self.kind]


@dataclass(frozen=True)
class Floats:
    cases: list[Case]
    chip_s: float
    wall_s: float

    def worst(self) -> dict[str, Case]:
        """The case with the largest error of each kind."""
        found: dict[str, Case] = {}
        for case in self.cases:
            if case.kind not in found or case.error > found[case.kind].error:
                found[case.kind] = case
        return found

    def to_json(self) -> dict[str, Any]:
        rows = {kind: {"case": c.name, "error": c.error, "tolerance": TOLERANCE[kind]} for kind, c in self.worst().items()}
        return {"floats": rows}


def compare(uf2: Path) -> Floats:
    """Runs the arithmetic on both. Raises ChipError or EngineError."""
    chip = prepare(uf2, {}, ["floats"]).chip
    done = chip.execute("import floats\nfloats.run()", _LIMIT_S)
    if done.stderr:
        raise ChipError(f"The arithmetic failed on the chip: {done.stderr.strip().splitlines()[-1]}")
    ours, reference = _values(done.stdout), _values(_unix())
    if set(ours) != set(reference):
        raise ChipError(f"Chip and unix port disagree on what to compute: {', '.join(sorted(set(ours) ^ set(reference)))}.")
    return Floats([Case(name, ours[name], reference[name]) for name in ours], done.chip_s, done.wall_s)


def _values(text: str) -> dict[str, float]:
    rows = (line.split() for line in text.splitlines() if line.startswith("float "))
    return {name: float(value) for _, name, value in rows}


def _unix() -> str:
    interpreter = find()
    command = [interpreter.binary] if interpreter.binary else [sys.executable, "-m", "micropython_unix"]
    script = f"import sys\nsys.path[:0] = [{str(firmware_dir())!r}, {str(onboard('floats').parent)!r}]\nimport floats\nfloats.run()\n"
    done = subprocess.run([*command, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise ChipError(f"The arithmetic failed in the unix port: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    return done.stdout
