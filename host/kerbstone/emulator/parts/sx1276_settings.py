"""What the registers of the virtual SX1276 say about the signal (data sheet Rev 7 section 4.1.1 and chapter 6; errata note)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kerbstone.emulator.parts import sx1276_registers as r
from kerbstone.emulator.parts.lora_modem import Modulation, Search

_BANDWIDTH_HZ = {7: 125_000, 8: 250_000, 9: 500_000}  # the narrower ones are not modelled
_FIGURE_DB, _BOOSTED_DB = 9.0, 7.0  # sensitivity -134 and -136 dBm at SF12, 125 kHz (table 10, LnaBoostHf)
_NOT_TUNED_DB = 3.0  # errata 2.1 not done at 500 kHz; the note gives no figure
_HIGH_BW = ((862_000_000, 1_020_000_000, 0x64), (410_000_000, 525_000_000, 0x7F))  # errata 2.1: RegHighBwOptimize2 beside 0x02
_IF_FREQ2 = {125_000: 0x40, 250_000: 0x40}  # errata 2.3


class Variant(NamedTuple):
    """What a chip of the family can: largest spreading factor, bands in Hz (table 1)."""

    sf_max: int
    bands: tuple[tuple[int, int], ...]

    def covers(self, freq_hz: int) -> bool:
        return any(low <= freq_hz <= high for low, high in self.bands)


_ALL = ((137_000_000, 175_000_000), (410_000_000, 525_000_000), (862_000_000, 1_020_000_000))
VARIANTS = {
    "sx1276": Variant(12, _ALL),
    "sx1277": Variant(9, _ALL),
    "sx1278": Variant(12, _ALL[:2]),
    "sx1279": Variant(12, ((137_000_000, 160_000_000), (410_000_000, 480_000_000), (779_000_000, 960_000_000))),
}


def frame_settings(registers: r.Registers) -> Modulation:
    """The signal as it would be sent now."""
    one, two, three = (registers.lora(at) for at in (r.MODEM_CONFIG1, r.MODEM_CONFIG2, r.MODEM_CONFIG3))
    return Modulation(
        registers.freq_hz, two >> 4, _BANDWIDTH_HZ.get(one >> 4), one >> 1 & 7, bool(three & 8),
        registers.lora(r.PREAMBLE) << 8 | registers.lora(r.PREAMBLE + 1), bool(one & 1), registers.lora(r.PAYLOAD_LENGTH),
        bool(two & 4), not registers.lora(r.INVERT_IQ) & 1,
    )  # fmt: skip


def iq_consistent(registers: r.Registers, sending: bool) -> bool:
    """RegInvertIQ2 is 0x19 with inverted IQ and 0x1D without."""
    inverted = not registers.lora(r.INVERT_IQ) & 1 if sending else bool(registers.lora(r.INVERT_IQ) & 0x40)
    return registers.lora(r.INVERT_IQ_2) == (0x19 if inverted else 0x1D)


def figure_db(registers: r.Registers) -> float:
    """Noise figure of the receiver as it is set."""
    boosted = registers.high_band and registers[r.LNA] & 3 == 3
    return _BOOSTED_DB if boosted else _FIGURE_DB


def search_settings(registers: r.Registers, antenna_db: float, continuous: bool, complain: Callable[[str], None]) -> Search:
    """The search of a receiver opened now. What the errata ask for and was not done goes to `complain`."""
    m = frame_settings(registers)
    m.iq_inverted = bool(registers.lora(r.INVERT_IQ) & 0x40)
    figure = figure_db(registers)
    if m.bw_hz == 500_000:
        wanted = next((value for low, high, value in _HIGH_BW if low <= m.freq_hz <= high), None)
        if wanted and (registers.lora(r.HIGH_BW_1), registers.lora(r.HIGH_BW_2)) != (0x02, wanted):
            complain("500 kHz without the sensitivity optimisation of errata 2.1")
            figure += _NOT_TUNED_DB
    elif registers.lora(r.DETECT_OPTIMIZE) & 0x80 or registers.lora(r.IF_FREQ2) != _IF_FREQ2.get(m.bw_hz or 0):
        complain("open to foreign signals: errata 2.3 asks for RegDetectOptimize bit 7 clear and RegIfFreq2 0x40")
    if (registers.lora(r.DETECT_OPTIMIZE) & 7, registers.lora(r.DETECTION)) != (3, 0x0A):
        complain("the detector is set for SF6")
    symbols = (registers.lora(r.MODEM_CONFIG2) & 3) << 8 | registers.lora(r.SYMB_TIMEOUT)
    return Search(
        m, registers.lora(r.SYNC_WORD), iq_consistent(registers, sending=False), figure, antenna_db, continuous, None,
        0 if continuous else max(symbols, 4), stop_on_preamble=False, ends_on_bad_header=False,
    )  # fmt: skip
