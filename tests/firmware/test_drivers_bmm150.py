"""BMM150: Bosch's arithmetic in 32 bits, operation by operation."""

import json
from pathlib import Path

from float32 import F32, patch

from kerb.drivers import bmm150

CASES = Path(__file__).resolve().parents[1] / "conformance" / "data" / "sensor_cases.json"
TRIM = ("x1", "y1", "x2", "y2", "z1", "z2", "z3", "z4", "xy1", "xy2", "xyz1")


def test_the_vendors_trim_arithmetic_survives_32_bits(monkeypatch):
    patch(monkeypatch, bmm150)
    found = [c for c in json.loads(CASES.read_text()) if c["kind"] == "bmm150"]
    assert found
    for case in found:
        i, out = case["inputs"], [F32(0)] * 3
        bmm150.compensate([F32(i["trim"][k]) for k in TRIM], *(F32(v) for v in i["raw"]), F32(i["rhall"]), out)
        assert all(abs(a - b) <= case["tolerance"] for a, b in zip(out, case["expected"], strict=True)), case["id"]
