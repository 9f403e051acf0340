"""Reads files of cases: JSON lists as in data/*_cases.json, and the table of sunrises."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

SUN_KIND = "sun_event"
_SUN_TARGET_S = 10  # our own target where the table allows a minute
_SUN_LOOSE_S = 60
_SUN_COLUMNS = {"city", "lat", "lon", "window_start_utc", "window_end_utc", "event", "state", "nrel_spa_rootfind_utc", "tolerance_s"}


class CaseFileError(Exception):
    """A file of cases cannot be read; the message is one sentence."""


@dataclass(frozen=True)
class Case:
    id: str
    kind: str
    inputs: dict[str, Any]
    expected: Any
    tolerance: Any = 0


def load(path: Path) -> list[Case]:
    """Every case of a file. Raises CaseFileError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CaseFileError(f"{path}: {reason}.") from error
    cases = _sun(text, path) if path.suffix.lower() == ".csv" else _json(text, path)
    if not cases:
        raise CaseFileError(f"{path}: the file holds no case.")
    return cases


def _json(text: str, path: Path) -> list[Case]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CaseFileError(f"{path}: not JSON ({' '.join(str(error).split())}).") from error
    if not isinstance(rows, list):
        raise CaseFileError(f"{path}: a file of cases is a list of objects, this is {type(rows).__name__}.")
    cases = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not isinstance(row.get("kind"), str) or "expected" not in row:
            raise CaseFileError(f"{path}: case {number} needs kind (text), inputs (object) and expected.")
        if not isinstance(row.get("inputs", {}), dict):
            raise CaseFileError(f"{path}: the inputs of case {number} are no object.")
        cases.append(Case(str(row.get("id", number)), row["kind"], row.get("inputs", {}), row["expected"], row.get("tolerance", 0)))
    return cases


def _unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _utc(text: str) -> int:
    return _unix(text if text.endswith("Z") else text + "Z")


def _sun(text: str, path: Path) -> list[Case]:
    reader = csv.DictReader(io.StringIO(text))
    missing = _SUN_COLUMNS - set(reader.fieldnames or ())
    if missing:
        raise CaseFileError(f"{path}: the table lacks the columns {', '.join(sorted(missing))}.")
    cases = []
    for row in reader:
        try:
            inputs = {
                "lat": float(row["lat"]), "lon": float(row["lon"]), "event": row["event"],
                "start": _utc(row["window_start_utc"]), "end": _utc(row["window_end_utc"]),
            }  # fmt: skip
            expected: dict[str, Any] = {"state": row["state"]}
            allowed = float(row["tolerance_s"] or _SUN_LOOSE_S)
            if row["state"] == "event":
                expected["unix_s"] = _utc(row["nrel_spa_rootfind_utc"])
        except (ValueError, TypeError, AttributeError) as error:
            raise CaseFileError(f"{path}:{reader.line_num}: {' '.join(str(error).split())}.") from error
        name = f"{row['city']} {row.get('local_date', '')} {row['event']}"
        allowed = _SUN_TARGET_S if allowed == _SUN_LOOSE_S else allowed
        cases.append(Case(name, SUN_KIND, inputs, expected, {"unix_s": allowed}))
    return cases
