"""Amplifiers and supply of the virtual SX1276 (Semtech SX1276/77/78/79 data sheet Rev 7, sections 5.4.2 to 5.4.4, tables 6 and 10)."""

from __future__ import annotations

from typing import NamedTuple

from kerbstone.emulator.parts.lora_front import NOT_SWITCHED_DB

LIMITED_DB = -10.0  # what an amplifier loses when the over-current protection holds it; the sheet gives no figure
SYNTHESIS_MA = 5.8
# Output dBm -> mA, the sheet's four figures; between them the next higher counts, so never too little.
_RFO_MA = ((7, 20.0), (15, 29.0))
_BOOST_MA = ((17, 87.0), (20, 120.0))
# us, RegPaRamp
_RAMP_US = (3400, 2000, 1000, 500, 250, 125, 100, 62, 50, 40, 31, 25, 20, 15, 12, 10)
# LoRa receiver, mA by bandwidth: band 1 (862 to 1020 MHz) and bands 2 and 3; LnaBoostHf adds 0.7
_RX_MA = {True: {125_000: 10.3, 250_000: 11.1, 500_000: 12.6}, False: {125_000: 11.5, 250_000: 12.4, 500_000: 13.8}}
_BOOST_HF_MA = 0.7


class Output(NamedTuple):
    """What the power registers make: dBm at the antenna, supply current in mA, and a word on what is wrong with them."""

    dbm: float
    ma: float
    wrong: str | None


def output(pa_config: int, pa_dac: int, ocp: int, boost_wired: bool) -> Output:
    """`boost_wired`: the antenna hangs on PA_BOOST, not on RFO."""
    boost, setting = bool(pa_config & 0x80), pa_config & 15
    if boost:
        full = pa_dac & 7 == 7
        dbm = setting + (5.0 if full else 2.0)
        table = _BOOST_MA
    else:
        dbm = 10.8 + 0.6 * (pa_config >> 4 & 7) - (15 - setting)
        table = _RFO_MA
    ma = next((ma for step, ma in table if dbm <= step), table[-1][1])
    if boost != boost_wired:
        return Output(dbm + NOT_SWITCHED_DB, ma, "the amplifier chosen in RegPaConfig has no antenna on this board")
    if ocp & 0x20 and ma - SYNTHESIS_MA > limit_ma(ocp):
        return Output(dbm + LIMITED_DB, limit_ma(ocp) + SYNTHESIS_MA, "the over-current protection holds the amplifier")
    return Output(dbm, ma, None)


def limit_ma(ocp: int) -> int:
    """Over-current trim, table 37."""
    trim = ocp & 31
    return 45 + 5 * trim if trim <= 15 else min(-30 + 10 * trim, 240)


def ramp_us(code: int) -> int:
    return _RAMP_US[code & 15]


def rx_ua(high_band: bool, bw_hz: int, lna: int) -> float:
    ma = _RX_MA[high_band].get(bw_hz, 11.5)
    return 1000 * (ma + (_BOOST_HF_MA if high_band and lna & 3 == 3 else 0))
