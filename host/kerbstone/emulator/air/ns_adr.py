"""Adaptive data rate: Semtech's rule of "LoRaWAN - simple rate adaptation recommended algorithm" (2016), best SNR of 20 uplinks."""

from __future__ import annotations

from collections.abc import Collection

from kerbstone.emulator.air import eu868
from kerbstone.emulator.air.lora import SNR_LIMIT_DB

MARGIN_DB = 10.0  # kept for fading; a device whose antenna may be covered (a parked car) needs its own, larger figure
ENOUGH = 4  # uplinks before the first change: a street device sends few, and the best of few is rather too low than too high
_STEP_DB = 3.0


def target(dr: int, power: int, snr_db: Collection[float], margin_db: float = MARGIN_DB) -> tuple[int, int]:
    """(DR, TXPower index) that a device at `dr` and `power` should use. `snr_db`: of its latest uplinks, not empty."""
    steps = int((max(snr_db) - SNR_LIMIT_DB[eu868.DATA_RATES[dr].sf] - margin_db) / _STEP_DB)
    while steps > 0 and dr < eu868.HIGHEST_ADR_DR:
        dr, steps = dr + 1, steps - 1
    while steps > 0 and power < eu868.MAX_POWER_INDEX:
        power, steps = power + 1, steps - 1
    while steps < 0 and power > 0:
        power, steps = power - 1, steps + 1
    return dr, power
