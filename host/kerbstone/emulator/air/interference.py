"""How much stronger a LoRa frame must be than what else is on its frequency.

Spreading factors are orthogonal only nearly: a near node at SF7 covers a far one at SF12. Powers of one spreading factor add up;
each spreading factor is held against its own threshold, as the ns-3 module of signetlabdei does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

# Advantage a frame needs over frames of its own spreading factor, which makes the stronger of two survive: C. Goursaud, J.-M. Gorce,
# "Dedicated networks for IoT: PHY / MAC state of the art and challenges", EAI Endorsed Transactions on IoT 1(1), 2015; also M. Bor et
# al., "Do LoRa low-power wide-area networks scale?", MSWiM 2016.
CAPTURE_DB = 6.0

# Row: spreading factor of the frame, 7 to 12; column: of the others. D. Croce et al., "Impact of LoRa imperfect orthogonality: analysis
# of link-level performance", IEEE Communications Letters 22(4), 2018, table of SIR thresholds in dB, confirmed there with SX1272 chips.
# Its diagonal (1 dB for synchronous frames) gives way to CAPTURE_DB.
_CROCE_2018 = (
    (1, -8, -9, -9, -9, -9),
    (-11, 1, -11, -12, -13, -13),
    (-15, -13, 1, -13, -14, -15),
    (-19, -18, -17, 1, -17, -18),
    (-22, -22, -21, -20, 1, -20),
    (-25, -25, -25, -24, -23, 1),
)
_FIRST_SF = 7
_EXACT_DB = 1e-9  # thresholds are whole decibels; sums of milliwatts are not


def threshold_db(sf: int, other_sf: int) -> float | None:
    """Signal to interference that a frame needs; None where nothing is published (SF5, SF6 among others): taken as orthogonal."""
    if sf == other_sf:
        return CAPTURE_DB
    row, column = sf - _FIRST_SF, other_sf - _FIRST_SF
    if not (0 <= row < len(_CROCE_2018) and 0 <= column < len(_CROCE_2018)):
        return None
    return float(_CROCE_2018[row][column])


def covered(sf: int, level_dbm: float, others: Iterable[tuple[int, int, int, float]]) -> bool:
    """True when frames (start us, end us, SF, dBm at the receiver) cover one of `sf` at `level_dbm` at some moment."""
    by_sf: dict[int, list[tuple[int, int, float]]] = {}
    for start, end, other_sf, dbm in others:
        by_sf.setdefault(other_sf, []).append((start, end, 10 ** (dbm / 10)))
    for other_sf, frames in by_sf.items():
        need = threshold_db(sf, other_sf)
        if need is None:
            continue
        # The sum only rises where a frame starts.
        highest = max(sum(mw for start, end, mw in frames if start <= moment < end) for moment, _, _ in frames)
        if highest > 0 and 10 * math.log10(highest) > level_dbm - need + _EXACT_DB:
            return True
    return False
