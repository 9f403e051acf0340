"""What an SX1262 can do that a class A node never needs: receive without end (class C), and a bare carrier (certification). Numbers as
in sx1262.py."""

from micropython import const

_RX = const(0x82)
_SYMBOL_TIMEOUT = const(0xA0)
_CONTINUOUS_WAVE = const(0xD1)
_EVENTS = const(0x0062)  # packet done, header error, CRC error
_FOR_EVER = b"\xff\xff\xff"  # of SetRx, section 13.1.5


def listen(radio, freq_hz, dr_row):
    """Receives downlinks on `freq_hz` until the radio is told something else; `dr_row` starts with SF and bandwidth in Hz."""
    radio.standby()
    radio._tune(freq_hz, dr_row)
    radio._packet(255, 0, 1)
    radio._command(_SYMBOL_TIMEOUT, b"\0")
    radio._await(_EVENTS)
    if radio._rxen:
        radio._rxen.value(1)
    radio._command(_RX, _FOR_EVER)


def heard(radio):
    """The packet that came since, as SX1262.receive() gives it, or None. The chip goes on receiving."""
    if not radio._fired:
        return None
    tick = radio._tick
    radio._fired = False
    return radio.fetch(tick)


def carrier(radio, freq_hz, dr_row, power_dbm, ms):
    """An unmodulated carrier for `ms` (section 13.1.6); ends in standby."""
    radio.configure_tx(freq_hz, dr_row, power_dbm)
    radio._command(_CONTINUOUS_WAVE, b"")
    radio.idle_ms(ms)
    radio.standby()
