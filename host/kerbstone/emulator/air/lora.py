"""LoRa on the air: symbol times, time on air, what a demodulator needs.

Source: Semtech DS.SX1261-2.W.APP Rev 2.1 section 6.1 (table of SNR limits 6.1.1.1, time on air 6.1.4).
"""

from __future__ import annotations

# Spreading factor -> lowest SNR in dB at which the demodulator still works.
SNR_LIMIT_DB: dict[int, float] = {5: -2.5, 6: -5.0, 7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}

BANDWIDTHS_HZ = {125_000: 50.97, 250_000: 53.98, 500_000: 56.99}  # Hz -> 10 log10 of it
_THERMAL_DBM_HZ = -173.98  # kT at 290 K
_LDRO_SYMBOL_US = 16_380  # section 6.1.1.4: low data rate optimisation from 16.38 ms a symbol on
_SYNC_QUARTERS = {5: 25, 6: 25}  # quarter symbols between preamble and header: 6.25 at SF5 and SF6, else 4.25
_HEADER_BLOCK = 8  # symbols of the block that carries the header


def symbols_us(count: float, sf: int, bw_hz: int) -> int:
    """Time of `count` symbols in whole us (counts of quarter symbols are exact at 125, 250 and 500 kHz)."""
    return int(count * 4) * (1 << sf) * 1_000_000 // (4 * bw_hz)


def sync_symbols(sf: int) -> float:
    """Symbols between the preamble and the header."""
    return _SYNC_QUARTERS.get(sf, 17) / 4


def needs_ldro(sf: int, bw_hz: int) -> bool:
    """True where the data sheet asks for low data rate optimisation."""
    return symbols_us(1, sf, bw_hz) > _LDRO_SYMBOL_US


def preamble_us(sf: int, bw_hz: int, preamble: int) -> int:
    """From the first edge to the end of the `preamble` symbols."""
    return symbols_us(preamble, sf, bw_hz)


def header_us(sf: int, bw_hz: int, preamble: int) -> int:
    """From the first edge to the end of the header."""
    return symbols_us(preamble + sync_symbols(sf) + _HEADER_BLOCK, sf, bw_hz)


def airtime_us(size: int, sf: int, bw_hz: int, cr: int = 1, preamble: int = 8, crc: bool = True, explicit: bool = True,
               ldro: bool | None = None) -> int:
    """Time on air in us of `size` bytes. `cr` 1..4 stands for 4/5..4/8; `ldro` None: as the data sheet asks."""
    if ldro is None:
        ldro = needs_ldro(sf, bw_hz)
    fine = sf < 7
    bits = 8 * size + 16 * crc - 4 * sf + (0 if fine else 8) + 20 * explicit
    per_block = 4 * (sf - 2 * ldro)
    blocks = -(-max(bits, 0) // per_block)
    return symbols_us(preamble + sync_symbols(sf) + _HEADER_BLOCK + blocks * (cr + 4), sf, bw_hz)


def noise_dbm(bw_hz: int, figure_db: float) -> float:
    """Noise power in the channel of a receiver with this noise figure."""
    return _THERMAL_DBM_HZ + BANDWIDTHS_HZ[bw_hz] + figure_db


def sensitivity_dbm(sf: int, bw_hz: int, figure_db: float) -> float:
    """Weakest signal such a receiver decodes. SX1262 boosted (6 dB): -124.5 dBm at SF7 and -137 dBm at SF12, 125 kHz."""
    return noise_dbm(bw_hz, figure_db) + SNR_LIMIT_DB[sf]
