"""Faults of parts and their wires: the node notes each once a life, says so in the quality of its reports, and recovers."""

import pytest
from lived import changed, live

from kerbstone.emulator.faults import fault

HOURS = 3600


def often(name, tmp_path, *more):
    """The node with hourly things every ten minutes."""
    return changed(name, tmp_path, (r"(?m)^(report_s|heartbeat_s|period_s) = [1-9]\d{2,}", r"\1 = 600"), *more)


def begun_and_ended(life, at_h, lasts_h):
    """Both are in the event log, at their times."""
    (begin,), (end,) = life.of("fault_begins"), life.of("fault_ends")
    assert begin[0] == at_h * 3600e6 and end[0] == (at_h + lasts_h) * 3600e6
    return True


@pytest.mark.parametrize(
    ("name", "part", "bus_fault", "options"),
    [
        ("bins", "climate", "i2c_nack", {}), ("bins", "tilt", "i2c_nack", {}), ("bins", "climate", "i2c_stuck", {}),
        ("bins", "climate", "i2c_short", {"bytes": 1}), ("parking", "mag", "i2c_nack", {}), ("air", "climate", "i2c_stuck", {}),
        ("air", "gas", "i2c_short", {"bytes": 2}), ("air", "dust", "i2c_nack", {}),
    ],
)
def test_a_part_that_fails_on_i2c_is_noted_told_in_the_quality_and_recovers(tmp_path, name, part, bus_fault, options):
    # A parking bay at the edge of the range waits up to an hour between two tries to send.
    life = live(often(name, tmp_path), (6 if name == "parking" else 4) * HOURS, [fault(bus_fault, name, "1h", "1h", part=part, **options)])
    assert begun_and_ended(life, 1, 1)
    assert any(line.startswith(f"fault {part}") for line in life.account.faults), life.account.faults
    assert f"recovered {part}" in life.account.faults
    during, after = life.between(1.2, 2), life.between(2.5, 4)
    assert during and after
    assert any(r["quality"] != "good" for r in during), [r["quality"] for r in during]
    assert after[-1]["quality"] == "good"
    assert life.result.lost == 0 and life.result.duplicates == 0 and not life.account.errors


def test_a_mains_node_notes_a_failed_part_once_not_at_every_turn(tmp_path):
    life = live(often("air", tmp_path), 4 * HOURS, [fault("i2c_nack", "air", "1h", "1h", part="gas")])
    told = [line for line in life.account.faults if line.startswith("fault gas")]
    assert len(told) == 1, told


def test_a_dead_part_on_the_wake_pin_does_not_wake_the_node_for_ever(tmp_path):
    life = live(often("parking", tmp_path), 100 * 60, [fault("i2c_nack", "parking", "1h", "10m", part="mag")])
    assert sum(3600e6 <= t < 4200e6 for t, _ in life.of("wake")) < 10


def test_a_contact_that_comes_and_goes_costs_no_record(tmp_path):
    life = live(often("bins", tmp_path), 4 * HOURS, [fault("i2c_nack", "bins", part="climate", share=0.3)])
    assert life.result.readings > 12 and (life.result.lost, life.result.duplicates) == (0, 0) and not life.account.errors


@pytest.mark.parametrize(("name", "part"), [("bins", "level"), ("light", "meter")])
@pytest.mark.parametrize("how", ["garbage", "silence"])
def test_a_uart_part_that_says_nothing_of_use_is_told_and_recovers(tmp_path, name, part, how):
    life = live(often(name, tmp_path), 4 * HOURS, [fault("uart_noise", name, "1h", "1h", part=part, how=how)])
    assert begun_and_ended(life, 1, 1)
    assert any(line.startswith(f"fault {part}") for line in life.account.faults), life.account.faults
    assert f"recovered {part}" in life.account.faults
    assert any(r["quality"] != "good" for r in life.between(1.2, 2))
    assert life.between(2.5, 4)[-1]["quality"] == "good"
    assert (life.result.lost, life.result.duplicates) == (0, 0) and not life.account.errors


@pytest.mark.parametrize(("name", "part", "gap"), [("bins", "level", "5ms"), ("light", "meter", "20ms")])
def test_a_uart_frame_in_two_pieces_is_put_together(tmp_path, name, part, gap):
    life = live(often(name, tmp_path), 3 * HOURS, [fault("uart_noise", name, part=part, how="split", gap=gap)])
    assert life.account.faults == []
    assert all(r["quality"] == "good" for r in life.between(0.5, 3)) and life.between(0.5, 3)


def test_a_frozen_level_sensor_is_suspected(tmp_path):
    """An echo that is the same to the millimetre for hours is none: the application counts equal readings."""
    sooner = (r"(?m)^(\[app\])$", r"\1\nfrozen_n = 40")
    life = live(often("bins", tmp_path, sooner), 14 * HOURS, [fault("sensor_frozen", "bins", "1h", "9h", part="level")])
    frozen = {r["values"]["fill"] for r in life.between(1.5, 10)}
    assert len(frozen) == 1, frozen
    assert life.between(9, 10)[-1]["quality"] == "suspect"
    assert any(r["quality"] == "good" for r in life.between(10.2, 14))
    assert (life.result.lost, life.result.duplicates) == (0, 0)


def test_a_frozen_thermometer_reports_one_value_then_moves_again(tmp_path):
    life = live(often("air", tmp_path), 6 * HOURS, [fault("sensor_frozen", "air", "1h", "2h", part="climate")])
    still = {r["values"]["air_temperature"] for r in life.between(1.3, 2.9)}
    assert len(still) == 1
    assert len({r["values"]["air_temperature"] for r in life.between(3.3, 6)}) > 1
