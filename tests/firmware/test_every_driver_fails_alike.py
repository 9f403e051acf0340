"""Whatever driver there is: a part that is absent, another, stuck or lying gives a reading that says so, and one event."""

import pytest
from driver_rigs import EXCEPTIONS, MODES, TURNS, drivers, excused, run_driver

GOOD, FAULT = 0, 3


def cases(*modes):
    return [(driver, mode) for driver in drivers() for mode in modes if not excused(driver, mode)]


def test_the_table_of_exceptions_names_drivers_and_modes_that_exist_and_says_why():
    for (driver, mode), why in EXCEPTIONS.items():
        assert driver in drivers() and mode in (*MODES, "*") and len(why) > 20, (driver, mode)


@pytest.mark.parametrize(("driver", "mode"), cases("sound"))
def test_a_sound_part_is_read_without_an_event(driver, mode):
    readings, events = run_driver(driver)
    mine = readings[mode]
    assert len(mine) == TURNS and events[mode] == 0, mine
    assert all(r.get("quality", FAULT) != FAULT for r in mine), mine


@pytest.mark.parametrize(("driver", "mode"), cases("absent", "stranger", "stuck"))
def test_a_part_that_is_absent_another_or_stuck_is_a_fault_told_once(driver, mode):
    readings, events = run_driver(driver)
    mine = readings[mode]
    assert len(mine) == TURNS
    if driver in ("battery", "pulse"):  # analog: no protocol that could break, so the quality alone tells
        assert all(r["quality"] != GOOD for r in mine), mine
        return
    assert all(r == {"quality": FAULT} for r in mine), mine
    assert events[mode] == 1


@pytest.mark.parametrize(("driver", "mode"), cases("lying"))
def test_a_part_beyond_its_range_is_not_called_good(driver, mode):
    mine = run_driver(driver)[0][mode]
    assert len(mine) == TURNS
    assert all(r["quality"] != GOOD for r in mine), mine
