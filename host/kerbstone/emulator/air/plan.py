"""A regional plan as the network side needs it, from the tables of protocols/lorawan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from kerbstone.build.regions import whole_table

RX2_AFTER_RX1_US = 1_000_000
_WIDE_HZ = 500_000


class DataRate(NamedTuple):
    """SF (0: not LoRa), bandwidth, largest application payload without FOpts (no repeater, no dwell limit)."""

    sf: int
    bw_hz: int
    payload: int


class SubBand(NamedTuple):
    """Share of an hour that one transmitter may use, in permille."""

    low_hz: int
    high_hz: int
    permille: int


@dataclass(frozen=True)
class Plan:
    """`channels_hz` and `widths_hz`: what a gateway hears. `cf_list`: 16 bytes for a join accept. `mask`: channels 0 to 15 in use."""

    name: str
    data_rates: tuple[DataRate, ...]
    channels_hz: tuple[int, ...]
    widths_hz: tuple[int, ...]
    cf_list: bytes
    mask: int
    sub_bands: tuple[SubBand, ...]
    table: dict[str, Any]

    @property
    def adr_dr(self) -> int:
        """The fastest data rate that adaptation gives."""
        return int(self.table["network"]["adr_dr"][1])

    @property
    def max_power_index(self) -> int:
        return int(self.table["max_power_index"])

    @property
    def rx2(self) -> tuple[int, int, int]:
        """Hz, DR in use after the join, dBm."""
        network = self.table["network"]
        return self.table["rx2"][0], network["rx2_dr"], network["rx2_power_dbm"]

    @property
    def rx2_join_dr(self) -> int:
        return int(self.table["rx2"][1])

    @property
    def rx1_power_dbm(self) -> int:
        return int(self.table["network"]["rx1_power_dbm"])

    @property
    def join_delay_us(self) -> int:
        return int(self.table["join_delay_s"]) * 1_000_000

    @property
    def rx_delay_s(self) -> int:
        return int(self.table["rx_delay_s"])

    def rx1(self, freq_hz: int, dr: int) -> tuple[int, int]:
        """Hz and DR of RX1 after an uplink, without an offset and under the dwell limit the region begins with."""
        slowest = self.table["dwell_dr"] if self.table["dwell"] & 2 else 0
        down_dr = max(self.table["rx1_dr"][dr][0], slowest)
        if "downlink" not in self.table:
            return freq_hz, down_dr
        first, step, count = self.table["downlink"]
        wide = self.data_rates[dr].bw_hz == _WIDE_HZ
        start, spacing = self.table["channels"][wide][:2]
        return first + (freq_hz - start) // spacing % count * step, down_dr

    def data_rate_index(self, sf: int, bw_hz: int) -> int | None:
        """DR of an uplink's spreading factor and bandwidth; None if the region has none."""
        rates = self.data_rates[: len(self.table["rx1_dr"])]
        return next((i for i, r in enumerate(rates) if (r.sf, r.bw_hz) == (sf, bw_hz)), None)

    def channel(self, freq_hz: int, bw_hz: int) -> int | None:
        """The gateway's channel a carrier falls into; 500 kHz has channels of its own."""
        return next(
            (
                i
                for i, (hz, width) in enumerate(zip(self.channels_hz, self.widths_hz, strict=True))
                if abs(hz - freq_hz) <= bw_hz // 4 and (width == _WIDE_HZ) == (bw_hz == _WIDE_HZ)
            ),
            None,
        )

    def may_send(self, freq_hz: int) -> bool:
        low, high = self.table["frequency_hz"]
        return bool(low <= freq_hz <= high)

    def sub_band(self, freq_hz: int) -> int | None:
        """Row of `sub_bands`, None where nothing may be sent."""
        return next((i for i, b in enumerate(self.sub_bands) if b.low_hz <= freq_hz <= b.high_hz), None)


@cache
def plan(region: str) -> Plan:
    """The plan of a region by its name ("EU868"). Raises NodeFileError."""
    table = whole_table(region)
    network = table["network"]
    hears = [(row[0] + i * row[1], row[3] if len(row) > 3 else 125_000) for row in network["hears"] for i in range(row[2])]
    if "cflist_mask" in network:
        mask = network["cflist_mask"]
        cf_list = mask.to_bytes(15, "little") + b"\1"
    else:
        mask = (1 << len(hears)) - 1
        cf_list = b"".join((hz // 100).to_bytes(3, "little") for hz in network["cflist_hz"]).ljust(16, b"\0")
    return Plan(
        table["name"], tuple(DataRate(*row[:3]) for row in table["data_rates"]), tuple(hz for hz, _ in hears), tuple(bw for _, bw in hears),
        cf_list, mask & 0xFFFF, tuple(SubBand(*row[:3]) for row in table["bands"]), table,
    )


EU868 = plan("EU868")
