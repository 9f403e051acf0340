"""Compensation of the BME680 and BME688: the floating-point variant of the data sheets (rev. 1.9, section 3.3; rev. 1.3, section 3.6)."""

from struct import unpack_from

# Correction of the BME680's gas ranges, in percent (data sheet, table 16)
_K1 = (0, 0, 0, 0, 0, -1, 0, -0.8, 0, 0, -0.2, -0.5, 0, -1, 0, 0)
_K2 = (0, 0, 0, 0, 0.1, 0.7, 0, -0.8, -0.1, 0, 0, 0, 0, 0, 0, 0)


def parse_calibration(low, high, heat):
    """The trimming values from 23 bytes at 0x8A, 14 at 0xE1 and 5 at 0x00.

    ((t1, t2, t3), (p1 .. p10), (h1 .. h7), (gh1, gh2, gh3, heater range, heater value, range switching error)).
    """
    t2, t3, p1, p2, p3, p4, p5, p7, p6, p8, p9, p10 = unpack_from("<hbxHhbxhhbbxxhhB", low)
    h3, h4, h5, h6, h7, t1, gh2, gh1, gh3 = unpack_from("<bbbBbHhbb", high, 3)
    h1, h2 = high[2] << 4 | high[1] & 15, high[0] << 4 | high[1] >> 4
    value, range_, error = unpack_from("<bxBxb", heat)
    return (
        (t1, t2, t3), (p1, p2, p3, p4, p5, p6, p7, p8, p9, p10), (h1, h2, h3, h4, h5, h6, h7),
        (gh1, gh2, gh3, range_ >> 4 & 3, value, error >> 4),
    )  # fmt: skip


def fine(t, adc):
    """Temperature in 1/5120 C."""
    t1, t2, t3 = t
    part = adc / 131072.0 - t1 / 8192.0
    return (adc / 16384.0 - t1 / 1024.0) * t2 + part * part * t3 * 16.0


def pressure(p, t_fine, adc):
    """Pa; 0 if the trimming values make no sense."""
    p1, p2, p3, p4, p5, p6, p7, p8, p9, p10 = p
    x = t_fine / 2.0 - 64000.0
    offset = (x * x * (p6 / 131072.0) + x * p5 * 2.0) / 4.0 + p4 * 65536.0
    gain = (1.0 + (p3 * x * x / 16384.0 + p2 * x) / 524288.0 / 32768.0) * p1
    if not gain:
        return 0.0
    y = (1048576.0 - adc - offset / 4096.0) * 6250.0 / gain
    z = y / 256.0
    return y + (p9 * y * y / 2147483648.0 + y * (p8 / 32768.0) + z * z * z * (p10 / 131072.0) + p7 * 128.0) / 16.0


def humidity(h, t_fine, adc):
    """%RH, 0..100."""
    h1, h2, h3, h4, h5, h6, h7 = h
    t = t_fine / 5120.0
    x = adc - (h1 * 16.0 + h3 / 2.0 * t)
    y = x * (h2 / 262144.0 * (1.0 + h4 / 16384.0 * t + h5 / 1048576.0 * t * t))
    return min(max(y + (h6 / 16384.0 + h7 / 2097152.0 * t) * y * y, 0.0), 100.0)


def gas_680(error, adc, range_):
    """Ohm, of a BME680; `error`: range switching error."""
    x = (1340.0 + 5.0 * error) * (1.0 + _K1[range_] / 100.0)
    return 1.0 / ((1.0 + _K2[range_] / 100.0) * 1.25e-07 * (1 << range_) * ((adc - 512.0) / x + 1.0))


def gas_688(adc, range_):
    """Ohm, of a BME688."""
    return 1000000.0 * (262144 >> range_) / (4096 + (adc - 512) * 3)


def heater(g, target_c, ambient_c):
    """Register value that heats the plate to target_c in air of ambient_c."""
    gh1, gh2, gh3, range_, value, _ = g
    x = (gh1 / 16.0 + 49.0) * (1.0 + (gh2 / 32768.0 * 0.0005 + 0.00235) * target_c) + gh3 / 1024.0 * ambient_c
    return int(3.4 * (x * (4.0 / (4.0 + range_)) / (1.0 + value * 0.002) - 25.0)) & 0xFF


def gas_wait(ms):
    """Register value of a heating time up to 4032 ms: 6 bits and a power of 4."""
    factor = 0
    while ms > 63 and factor < 3:
        ms >>= 2
        factor += 1
    return min(ms, 63) | factor << 6
