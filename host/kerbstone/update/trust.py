"""The public halves of signing keys as a file, and as a node carries them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kerbstone.build.cells import cells
from kerbstone.build.node import Node, UpdateTable
from kerbstone.emulator.board.computing import IMPORT
from kerbstone.errors import NodeFileError
from kerbstone.update.bundle import class_id, vendor_id
from kerbstone.update.keys import NAMES, SigningKey

# What a start that installs imports: most of an application (`kerbstone update sign` of a bin node: 86 files, 123 KB).
_MODULES, _MODULE_BYTES = 80, 120_000
_SUPPLY_MV = 3600  # of a node whose file names no battery
_BYTES = {"es256": 64, "ed25519": 32, "lms": 60}
Trusted = dict[str, tuple[int, str]]


def trust_json(keys: list[SigningKey]) -> str:
    """The file of public keys."""
    names = {number: name for name, number in NAMES.items()}
    rows = [{"id": key.kid.hex(), "algorithm": names[key.algorithm], "public": key.public.hex()} for key in keys]
    return json.dumps({"keys": rows}, indent=1) + "\n"


def read_trust(path: Path) -> Trusted:
    """{key id: (COSE algorithm, public key)}, in hexadecimal. Raises NodeFileError when the file is not one of two keys or more."""
    try:
        rows = json.loads(path.read_text())["keys"]
        found = {row["id"]: (NAMES[row["algorithm"]], row["public"]) for row in rows}
        good = all(bytes.fromhex(kid) and len(bytes.fromhex(row["public"])) == _BYTES[row["algorithm"]] for kid, row in
                   ((row["id"], row) for row in rows))
    except (OSError, ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not such a file"
        raise NodeFileError(f"{path}: no public keys of updates ({reason}): `kerbstone update keys > {path.name}` writes them.") from error
    if not good or len(found) < 2:
        raise NodeFileError(f"{path}: two whole public keys at least, so that one can be lost: `kerbstone update key` makes more.")
    return found


def update_table(node: Node, table: UpdateTable) -> dict[str, Any]:
    """The table "update" of node.json."""
    return {
        "vendor": vendor_id(table.vendor).hex(), "class": class_id(table.vendor, table.device_class).hex(),
        "keys": read_trust(node.folder / table.keys), "sequence": table.sequence, "min_battery_v": table.min_battery_v,
        **({"image": node.board.firmware} if node.board.ota else {}), "energy": energy_table(node, table),
    }  # fmt: skip


def energy_table(node: Node, table: UpdateTable) -> dict[str, int]:
    """What the device reckons an update's cost with (kerb/update/energy.py)."""
    board, battery = node.board, node.spec.battery
    cell = cells().cell.get(battery.cell) if battery else None
    imports = IMPORT[board.mcu]
    usable = cell.capacity_mah * battery.parallel * battery.usable_pct / 100 if cell and battery else 0
    budget = node.spec.budget.mah_per_day if node.spec.budget else None
    return {
        "ua": round(board.current_ua.active), "boot_uc": round(board.current_ua.boot * board.times.boot_ms / 1000),
        "work_ms": (_MODULES * imports.module_us + _MODULE_BYTES * imports.byte_ns // 1000) // 1000,
        "mv": round(1000 * cell.volt * battery.series) if cell and battery else _SUPPLY_MV,
        "mah": round(usable), "uah_day": round(1000 * (budget or 0)), "reserve_d": table.reserve_days,
    }  # fmt: skip
