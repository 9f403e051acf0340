"""EU863-870 as the network side needs it. Source: LoRa Alliance RP002-1.0.3 section 2.4; sub-bands ETSI EN 300 220-2 table B.1."""

from __future__ import annotations

from typing import NamedTuple


class DataRate(NamedTuple):
    """SF, bandwidth, largest application payload without FOpts (no repeater)."""

    sf: int
    bw_hz: int
    payload: int


class SubBand(NamedTuple):
    """Share of an hour that one transmitter may use, in permille."""

    low_hz: int
    high_hz: int
    permille: int


# Row = DR. DR7 is FSK, which nobody here speaks.
DATA_RATES = (
    DataRate(12, 125_000, 51), DataRate(11, 125_000, 51), DataRate(10, 125_000, 51), DataRate(9, 125_000, 115),
    DataRate(8, 125_000, 242), DataRate(7, 125_000, 242), DataRate(7, 250_000, 242),
)  # fmt: skip
HIGHEST_ADR_DR = 5
MAX_POWER_INDEX = 7  # TXPower n = maximum - 2 n dB
POWER_STEP_DB = 2

JOIN_CHANNELS_HZ = (868_100_000, 868_300_000, 868_500_000)
MORE_CHANNELS_HZ = (867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000)  # announced in the CFList of a join accept
CHANNELS_HZ = JOIN_CHANNELS_HZ + MORE_CHANNELS_HZ
TX_RANGE_HZ = (863_000_000, 870_000_000)

RX2_HZ = 869_525_000
RX2_JOIN_DR = 0
RX1_POWER_DBM = 14
RX2_POWER_DBM = 27  # the sub-band at 869.525 MHz allows 500 mW

RX_DELAY_US = 1_000_000
JOIN_DELAY_US = 5_000_000
RX2_AFTER_RX1_US = 1_000_000

SUB_BANDS = (
    SubBand(863_000_000, 865_000_000, 1), SubBand(865_000_000, 868_000_000, 10), SubBand(868_000_000, 868_600_000, 10),
    SubBand(868_700_000, 869_200_000, 1), SubBand(869_400_000, 869_650_000, 100), SubBand(869_700_000, 870_000_000, 10),
)  # fmt: skip


def data_rate_index(sf: int, bw_hz: int) -> int | None:
    """DR of a spreading factor and bandwidth; None if the region has none."""
    return next((i for i, r in enumerate(DATA_RATES) if (r.sf, r.bw_hz) == (sf, bw_hz)), None)


def sub_band(freq_hz: int) -> int | None:
    """Row of SUB_BANDS, None where nothing may be sent."""
    return next((i for i, b in enumerate(SUB_BANDS) if b.low_hz <= freq_hz <= b.high_hz), None)
