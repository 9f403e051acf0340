"""Ageing sensors: a fault of the catalogue, and what it does to a reading."""

import random

import pytest

from kerbstone.emulator.faults.catalogue import FAULTS
from kerbstone.emulator.faults.parse import read_word
from kerbstone.emulator.world.ageing import AgedSite
from kerbstone.emulator.world.constant import Constant

MONTH_US = round(365.25 / 12 * 86_400e6)
AIR = {"pm25_ug": 20.0, "no2_ppb": 30.0, "rh_pct": 60.0, "temp_c": 10.0}


def aged(loss_pct: float, zero: float = 0.0, t_us: int = 0) -> AgedSite:
    return AgedSite(Constant(0, random.Random(1), AIR), t_us, loss_pct, zero)


def test_dust_and_gas_fade_by_their_share_a_month_and_climate_does_not():
    site = aged(2.0)
    for months in (0, 1, 12):
        assert site.read("pm25_ug", months * MONTH_US) == pytest.approx(20 * 0.98**months, rel=1e-6)
        assert site.read("no2_ppb", months * MONTH_US) == pytest.approx(30 * 0.98**months, rel=1e-6)
        assert site.read("rh_pct", months * MONTH_US) == 60 and site.read("temp_c", months * MONTH_US) == 10


def test_a_zero_grows_from_the_day_the_fault_began_and_nothing_reads_below_zero():
    site = aged(0.0, 3.0, t_us=MONTH_US)
    assert site.read("no2_ppb", MONTH_US // 2) == 30
    assert site.read("no2_ppb", 3 * MONTH_US) == pytest.approx(36)
    assert aged(0.0, -10.0).read("no2_ppb", 12 * MONTH_US) == 0


def test_the_truth_stays_what_it_was():
    site = aged(50.0)
    assert site.truth(0, MONTH_US)["series"]["pm25_ug"] == [[0, 20.0]]


def test_it_is_ordered_by_name_like_every_fault():
    order = read_word("sensor_ageing:part=dust,loss_pct=5")
    assert FAULTS[order.name].about.startswith("a particle or gas sensor")
