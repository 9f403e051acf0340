"""What a report over NB-IoT costs and takes in good and in deep coverage, by dialect, on the ready node with another modem."""

from __future__ import annotations

import tempfile
from pathlib import Path

from kerbstone.build.firmware import compile_file
from kerbstone.build.modems import DIALECTS
from kerbstone.build.node import load_node
from kerbstone.emulator.run import run
from kerbstone.paths import boards_dir, firmware_dir

_HOURS = 12
COVERAGE = {"good": 0, "deep": 2}
MODEMS = {dialect: chip for chip, dialect in reversed(DIALECTS.items())}


def lived(folder: Path, chip: str, coverage: int, report_s: int) -> tuple[float, int]:
    """(mAh, reports) of the ready node in half a day."""
    text = (boards_dir() / "nodes" / "bins_nbiot.toml").read_text().replace("report_s = 14400", f"report_s = {report_s}")
    text = text.replace('kind = "nbiot"', f'kind = "nbiot"\nmodem = "{chip}"')
    path = folder / "bins_nbiot.toml"
    path.write_text(f"{text}\n[world.parts.modem]\ncoverage = {coverage}\n")
    (result,) = run([load_node(str(path))], 1, _HOURS * 3_600_000_000).nodes
    assert result.lost == 0 and result.waiting == 0, (chip, coverage, result.notes)
    return result.mah_per_day * _HOURS / 24, result.readings


def mah_per_report(folder: Path, chip: str, coverage: int) -> float:
    """What a report more costs, whatever it costs later: the network holds some modems awake when the node sleeps again."""
    often, seldom = lived(folder, chip, coverage, 1800), lived(folder, chip, coverage, 14_400)
    return (often[0] - seldom[0]) / (often[1] - seldom[1])


def figures() -> dict[str, dict[str, float]]:
    """{dialect: {"good": mAh a report, "deep": mAh a report}}."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for dialect, chip in sorted(MODEMS.items()):
            found[dialect] = {name: round(mah_per_report(Path(folder), chip, level), 3) for name, level in COVERAGE.items()}
    return found


def mpy_sizes() -> dict[str, int]:
    """Bytes of every file a node with a modem may carry; it needs one dialect and one carrier of them."""
    root = firmware_dir()
    files = sorted([*(root / "kerb" / "modem").rglob("*.py"), *(root / "kerb" / "uplink").glob("nbiot*.py"), root / "kerb/uplink/coap.py"])
    return {p.stem: len(compile_file(p, str(p.relative_to(root)))) for p in files if p.stem != "__init__"}
