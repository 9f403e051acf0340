"""Power amplifier and supply of the virtual SX1262: radiated power and current of every setting."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

FULL_DBM = 22  # the SetTxParams value that gives the nominal power of a PA setting
LOWEST_DBM = -9  # section 13.4.4


class Amplifier(NamedTuple):
    """A PA setting: output with SetTxParams +22, and the current then (SX1262, 868-915 MHz, 3.3 V, DC-DC)."""

    nominal_dbm: int
    full_ma: float


# (paDutyCycle, hpMax): data sheet DS.SX1261-2.W.APP Rev 2.1 tables 13-21 (settings) and 3-9 (currents).
AMPLIFIERS: dict[tuple[int, int], Amplifier] = {
    (4, 7): Amplifier(22, 118.0),
    (3, 5): Amplifier(20, 84.0),
    (2, 3): Amplifier(17, 58.0),
    (2, 2): Amplifier(14, 45.0),
}
# Current of the +22 dBm setting over SetTxParams: the sheet from 14 dBm up, Semtech SWL2001 (ral_sx126x_bsp.c) below; 0 dBm stands
# for all that is lower.
_CURVE_MA = ((0, 40.6), (10, 70.5), (14, 90.0), (17, 95.0), (20, 102.0), (22, 118.0))
_RAMP_US = (10, 20, 40, 80, 200, 800, 1700, 3400)  # table 13-41


def amplifier(pa_duty_cycle: int, hp_max: int) -> Amplifier:
    """The table row; a pair the sheet does not list acts as the strongest row within its hpMax."""
    row = AMPLIFIERS.get((pa_duty_cycle, hp_max))
    return row or next((a for (_, hp), a in AMPLIFIERS.items() if hp <= hp_max), AMPLIFIERS[2, 2])


def output_dbm(row: Amplifier, power: int) -> int:
    """Power at the antenna pin for a SetTxParams value."""
    return row.nominal_dbm - (FULL_DBM - max(LOWEST_DBM, min(power, FULL_DBM)))


def current_ua(row: Amplifier, power: int) -> float:
    """Current while transmitting. Off the nominal power it follows the shape of the +22 dBm row."""
    power = max(_CURVE_MA[0][0], min(power, FULL_DBM))
    for (p0, ma0), (p1, ma1) in pairwise(_CURVE_MA):
        if power <= p1:
            ma = ma0 + (ma1 - ma0) * (power - p0) / (p1 - p0)
            return 1000 * ma * row.full_ma / AMPLIFIERS[4, 7].full_ma
    raise AssertionError("power is clamped to the curve")


def ramp_us(code: int) -> int:
    """Ramp time of SetTxParams; a code the sheet does not list counts as the longest."""
    return _RAMP_US[code] if code < len(_RAMP_US) else _RAMP_US[-1]
