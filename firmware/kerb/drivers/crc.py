"""CRC-8 of Sensirion's I2C words: polynomial 0x31, initial value 0xFF, no reflection, no final XOR.

Source: SHT4x data sheet v7.1, section 4.4; the same for SCD4x, SEN5x, SGP4x and SPS30.
"""

from micropython import const

_POLY = const(0x31)


def crc8(buf, start, end):
    """CRC of buf[start:end]; bit by bit, because a table would cost 256 bytes of heap for a few bytes a minute."""
    crc = 0xFF
    for i in range(start, end):
        crc ^= buf[i]
        for _ in range(8):
            crc = ((crc << 1) ^ _POLY) & 0xFF if crc & 0x80 else crc << 1
    return crc


def check_words(buf, n_words):
    """True when each of the first n_words triplets (high, low, CRC) of buf carries its own CRC."""
    wrong = 0
    for i in range(0, 3 * n_words, 3):
        wrong |= crc8(buf, i, i + 2) ^ buf[i + 2]
    return not wrong
