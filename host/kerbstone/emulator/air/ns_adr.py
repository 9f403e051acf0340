"""Adaptive data rate: Semtech's rule of "LoRaWAN - simple rate adaptation recommended algorithm" (2016), best SNR of 20 uplinks."""

from __future__ import annotations

from collections.abc import Collection

from kerbstone.emulator.air.lora import SNR_LIMIT_DB
from kerbstone.emulator.air.plan import EU868, Plan

MARGIN_DB = 10.0  # kept for fading; a device whose antenna may be covered (a parked car) needs its own, larger figure
ENOUGH = 4  # uplinks before the first change: a street device sends few, and the best of few is rather too low than too high
_STEP_DB = 3.0


def target(
    dr: int, power: int, snr_db: Collection[float], margin_db: float = MARGIN_DB, plan: Plan = EU868
) -> tuple[int, int]:  # fmt: skip
    """(DR, TXPower index) that a device at `dr` and `power` should use. `snr_db`: of its latest uplinks, not empty."""
    steps = int((max(snr_db) - SNR_LIMIT_DB[plan.data_rates[dr].sf] - margin_db) / _STEP_DB)
    dr = min(dr, plan.adr_dr)  # off the rates of 500 kHz: adaptation has none
    while steps > 0 and dr < plan.adr_dr:
        dr, steps = dr + 1, steps - 1
    while steps > 0 and power < plan.max_power_index:
        power, steps = power + 1, steps - 1
    while steps < 0 and power > 0:
        power, steps = power - 1, steps + 1
    return dr, power
