"""What SGP40 and SGP41 share: the arguments that tell them the humidity and temperature of the air (data sheets, table 11 and 12)."""

from kerb.drivers.crc import crc8


def ticks(rh_pct, temp_c):
    """(rh_ticks, t_ticks), 0..65535 each, for the compensation arguments; out of range is clamped."""
    rh = int(rh_pct * 65535 / 100 + 0.5)  # the product is exact in 32 bits, 655.35 is not
    t = int((temp_c + 45) * 65535 / 175 + 0.5)
    return min(max(rh, 0), 65535), min(max(t, 0), 65535)


def fill_command(buf, code, rh_pct, temp_c):
    """Writes command, humidity and temperature, a CRC after each argument, into the 8 bytes of `buf`."""
    rh, t = ticks(rh_pct, temp_c)
    buf[0], buf[1] = code >> 8, code & 0xFF
    buf[2], buf[3] = rh >> 8, rh & 0xFF
    buf[4] = crc8(buf, 2, 4)
    buf[5], buf[6] = t >> 8, t & 0xFF
    buf[7] = crc8(buf, 5, 7)
