"""What holds for every board of a chip: its pins, and what the radios on it draw.

Espressif data sheets ESP32 v3.3, ESP32-S3 v1.2, ESP32-C3 v1.4; MicroPython 1.29 ports/esp32 and ports/rp2, docs/esp32/quickref.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chip:
    """Pins of an MCU. Wake-capable pins are in emulator/board/limits.py, because the emulator must obey them too."""

    pins: frozenset[int]
    strapping: frozenset[int]  # read at reset: a part that pulls one keeps the chip from starting
    memory: frozenset[int]  # taken by the flash inside the module
    input_only: frozenset[int]
    adc: frozenset[int]
    adc_with_wifi: frozenset[int]
    sleep_slip_ppm: int  # what the oscillator of deep sleep may be wrong by: see RC_SLIP_PPM


def _pins(*spans: tuple[int, int] | int) -> frozenset[int]:
    found: set[int] = set()
    for span in spans:
        low, high = (span, span) if isinstance(span, int) else span
        found.update(range(low, high + 1))
    return frozenset(found)


_NONE: frozenset[int] = frozenset()

# The internal RC oscillator (150 kHz on the ESP32, 136 kHz on the others) that stock MicroPython keeps time with in deep sleep. Field
# reports say 160 to 200 s an hour (44,000 to 56,000 ppm); no data sheet gives a figure: unconfirmed.
RC_SLIP_PPM = 60_000
CRYSTAL_SLIP_PPM = 50  # a 12 or 40 MHz crystal at 25 +-45 C: the worst of usual parts

CHIPS = {
    "esp32": Chip(
        # 20, 24 and 28 to 31 do not exist. ADC2: unusable while Wi-Fi runs.
        _pins((0, 19), (21, 23), (25, 27), (32, 39)), _pins(0, 2, 5, 12, 15), _pins((6, 11)), _pins((34, 39)),
        _pins(0, 2, 4, (12, 15), (25, 27), (32, 39)), _pins((32, 39)), RC_SLIP_PPM,
    ),
    "esp32s3": Chip(
        _pins((0, 21), (26, 48)), _pins(0, 3, 45, 46), _pins((26, 32)), _NONE,
        _pins((1, 20)), _pins((1, 10)), RC_SLIP_PPM,
    ),
    "esp32c3": Chip(
        # GPIO5 is ADC2, which the maker calls unreliable.
        _pins((0, 21)), _pins(2, 8, 9), _pins((11, 17)), _NONE, _pins((0, 4)), _pins((0, 4)), RC_SLIP_PPM,
    ),
    "rp2040": Chip(_pins((0, 29)), _NONE, _NONE, _NONE, _pins((26, 29)), _pins((26, 29)), CRYSTAL_SLIP_PPM),
}

# Supply current while transmitting, {output dBm: mA}, 868-915 MHz, 3.3 V. SX1262: Semtech DS_SX1261-2 rev 1.2 table 3-6 with the
# power amplifier set for each output, as the firmware does. SX1276: SX1276/77/78/79 data sheet, supply tables.
# SX1261: Rev 2.1 of the same sheet, table 3-8; 15 dBm: Semtech SWL2001 (ral_sx126x_bsp.c).
RADIO_TX_MA = {
    "sx1261": {10: 18.0, 14: 25.5, 15: 32.5},
    "sx1262": {14: 45.0, 17: 58.0, 20: 84.0, 22: 118.0},
    "sx1276": {7: 20.0, 13: 29.0, 17: 90.0, 20: 120.0},
}
# The same of modules with a LoRaWAN stack of their own, at +20 dBm: RAKwireless RAK3172 data sheet.
MODULE_TX_MA = {"rak3172": 87.0}

# The firmware's driver, and the virtual chip, of each radio.
RADIO_DRIVERS = {"sx1261": "sx1262", "sx1262": "sx1262", "sx1276": "sx1276", "sx1277": "sx1276", "sx1278": "sx1276", "sx1279": "sx1276"}


def radio_tx_ma(chip: str, dbm: float) -> float:
    """Current at an output power: that of the next step the data sheet gives, so never too little."""
    table = RADIO_TX_MA.get(chip) or RADIO_TX_MA[RADIO_DRIVERS[chip]]
    return table[min((step for step in table if step >= dbm), default=max(table))]


# How RP2 controllers reach pins (RP2040 data sheet 1.4.3; ports/rp2/machine_{i2c,spi,uart}.c): remainder by four, and which id.
RP2_SPI = {"sck": 2, "mosi": 3, "miso": 0}
RP2_UART = {"tx": 0, "rx": 1}


def rp2_spi_id(pin: int) -> int:
    return pin >> 3 & 1


def rp2_uart_id(pin: int) -> int:
    return (pin + 4) >> 3 & 1


def rp2_i2c_id(pin: int) -> int:
    return pin >> 1 & 1
