"""Time on air of a LoRa packet in whole microseconds.

Formula: Semtech DS.SX1261-2.W.APP Rev 2.1, section 6.1.4 (for SF7 and above equal to AN1200.13).
"""


def symbol_us(sf, bw_hz):
    """Length of one LoRa symbol, microseconds rounded down."""
    return (1000 << sf) // (bw_hz // 1000)


def low_rate(sf, bw_hz):
    """True where the low-data-rate optimisation is due: a symbol of more than 16 ms (same section, LDRO)."""
    return (1 << sf) > 16 * (bw_hz // 1000)


def time_on_air_us(length, sf, bw_hz, cr=1, preamble=8, header=True, crc=True, ldro=None):
    """Microseconds a packet of `length` bytes is on air.

    `cr` 1..4 means 4/5..4/8; `ldro` None lets the symbol length decide, as the driver does.
    """
    if ldro is None:
        ldro = low_rate(sf, bw_hz)
    bits = 8 * length + (16 if crc else 0) - 4 * sf + (20 if header else 0)
    quarters = 25  # SF5 and SF6 carry a preamble two symbols longer
    if sf >= 7:
        bits += 8
        quarters = 17
    step = 4 * (sf - 2 if ldro else sf)
    symbols = preamble + 8 + (max(bits, 0) + step - 1) // step * (cr + 4)
    return ((4 * symbols + quarters << sf) * 250) // (bw_hz // 1000)
