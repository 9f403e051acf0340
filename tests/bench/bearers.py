"""What a report costs and how long it takes to its receipt, by bearer: the same sleeping node, board and report for each.

    python tests/bench/bearers.py [hours]

A row is a table [uplink] and what goes with it; another bearer is one more row. The charge of a report is that of the wakes in which
the node sent, less that of as many wakes in which it only measured; what the board itself draws in sleep is not in it. `silent` is a
node without coverage for DAYS days, against the same node in cover: what searching costs it a day, under a ceiling.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "host"), str(ROOT / "tests"), str(ROOT / "tests" / "campaigns")]

from kerbstone.build.node import load_node
from kerbstone.emulator.faults import fault
from kerbstone.emulator.result import NodeResult
from kerbstone.emulator.run import run

UAS_PER_MAH = 3_600_000.0
HOUR_US = 3_600_000_000
DAYS = 30
CEILING_MAH = 2.0

NODE = """
[node]
board = "heltec_wifi_lora_32_v3"
app = "bins"
[parts.climate]
driver = "sht4x"
bus = "i2c.main"
period_s = {period_s}
[app]
report_s = {report_s}
{tables}
"""

LORAWAN = '[uplink]\nkind = "lorawan"\nregion = "EU868"\n[world]\ngateway_m = {}\n'
MQTT = '[uplink]\nkind = "mqtt"\nlink = "burst"\n'
STATIC = 'static_ip = ["10.0.0.7", "255.255.255.0", "10.0.0.1", "10.0.0.1"]\n'
BEARERS = {
    "lorawan, 300 m": LORAWAN.format(300),
    "lorawan, 4.5 km": LORAWAN.format(4_500),
    "wifi, dhcp": MQTT,
    "wifi, static": MQTT + STATIC,
    "wifi, static, tls": MQTT + STATIC + 'tls = "server"\n',
    "wifi, static, mutual tls": MQTT + STATIC + 'tls = "mutual"\n',
    "wifi, static, six gathered": MQTT + STATIC + "[delivery]\nbatch = true\ngather_s = 21600\n",
}


def life(tables: str, hours: float, report_s: int = 1800, period_s: int = 900, dark: str = "") -> NodeResult:
    """The node with these tables; `dark`: the fault that takes its coverage away, from the start."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sleeper.toml"
        path.write_text(NODE.format(tables=tables, report_s=report_s, period_s=period_s))
        orders = [fault(dark)] if dark else []
        return run([load_node(str(path))], 1, int(hours * HOUR_US), faults=orders).nodes[0]


def figures_of(done: NodeResult) -> dict[str, Any]:
    """mAh a report, seconds to its receipt, and the spreading factors seen."""
    assert done.lost == 0 and done.decoded > 0, done.notes
    sent = [w for w in done.wake_sums if w["uplink"] and w["cause"] == "timer"]
    idle = [w for w in done.wake_sums if not w["uplink"] and w["cause"] == "timer"]
    wakes = sum(w["count"] for w in sent)
    idle_uas = sum(w["charge_uas"] for w in idle) / max(1, sum(w["count"] for w in idle))
    reports = done.decoded - 1  # the first leaves at power-on
    charge = sum(w["charge_uas"] for w in sent) - wakes * idle_uas
    seen = sorted({12 - t["dr"] for t in done.transmissions if t["dr"] is not None})
    return {
        "mah_a_report": round(charge / reports / UAS_PER_MAH, 5), "reports": reports, "sf": seen,
        "receipt_median_s": round(done.receipt["median_s"], 2), "receipt_longest_s": round(done.receipt["longest_s"], 2),
    }  # fmt: skip


def silent(hours: float) -> dict[str, Any]:
    """mAh a day of a node in cover and without, under a ceiling; and what became of its readings."""
    out: dict[str, Any] = {}
    for name, tables, dark in (("lorawan", LORAWAN.format(300), "gateway_away"), ("wifi", MQTT + STATIC, "wifi_away")):
        limited = tables + f"[delivery]\nsearch_mah_day = {CEILING_MAH}\n"
        covered = life(limited, min(hours, 48), 7200, 7200).mah_per_day
        done = life(limited, hours, 7200, 7200, dark)
        assert done.lost == 0 and done.decoded == 0 and done.waiting + done.gap == done.readings, done.notes
        out[name] = {
            "days": hours / 24, "ceiling_mah": CEILING_MAH,
            "covered_mah_day": round(covered, 3), "dark_mah_day": round(done.mah_per_day, 3),
            "kept": done.waiting,
        }  # fmt: skip
    return out


def figures(hours: float = 24, dark_hours: float = DAYS * 24) -> dict[str, Any]:
    return {"bearers": {name: figures_of(life(tables, hours)) for name, tables in BEARERS.items()}, "silent": silent(dark_hours)}


def main() -> None:
    found = figures(float(sys.argv[1])) if len(sys.argv) > 1 else figures()
    for name, row in found["bearers"].items():
        print(f"{name:28} {row['mah_a_report']:.5f} mAh a report, receipt after {row['receipt_median_s']} s, SF {row['sf'] or '-'}")
    for name, row in found["silent"].items():
        print(f"{name:28} {json.dumps(row)}")


if __name__ == "__main__":
    main()
