"""The RP2040's temperature sensor: data-sheet points, and the driver on an emulated chip."""

import pytest

from kerb.drivers.rp2_temp import convert
from kerbstone.build.node import load_node
from kerbstone.emulator.run import run
from kerbstone.emulator.score import line_at


@pytest.mark.parametrize(("volts", "celsius"), [(0.706, 27.0), (0.706 - 0.01721, 37.0), (0.706 + 0.06884, -13.0)])
def test_data_sheet_points(volts, celsius):
    assert convert(volts / 3.3 * 65535, 3.3) == pytest.approx(celsius, abs=1e-6)


def test_a_light_pole_reports_the_temperature_of_its_head():
    node = run([load_node("light")], 1, 3 * 3_600_000_000).nodes[0]
    told = [(r["sample_us"], r["values"]["temperature"]) for r in node.records if r["record"] == "full"][1:]
    assert len(told) > 5
    # Half a degree of channel step, a quarter of ADC noise, and up to five minutes since the measurement.
    for t_us, celsius in told:
        truth = [line_at(node.truth["series"]["temp_c"], t) for t in (t_us - 300_000_000, t_us)]
        assert min(truth) - 1 <= celsius <= max(truth) + 1, (celsius, truth)
