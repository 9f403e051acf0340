"""Clocks and currents of the ESP32-S3's coprocessor."""

HZ = 17_500_000  # RTC_FAST_CLK, typical
SLOW_HZ = 136_000  # RTC_SLOW_CLK, typical
RESERVED_BYTES = 2040  # CONFIG_ULP_COPROC_RESERVE_MEM of MicroPython 1.29, ports/esp32/boards/sdkconfig.base
# Above deep sleep. Running: ESP32-S3 data sheet, deep sleep with the ULP-FSM on, 170 uA, less the 8 uA of a powered RTC domain. Before each
# run the domain and its oscillator start: 0.3 ms at the same current is assumed. Not confirmed, both.
RUN_UA = 162.0
START_US = 300


def us_of(cycles: int) -> int:
    """Whole microseconds that cycles of the fast clock take."""
    return -(-cycles * 1_000_000 // HZ)


def pause_us(period: int) -> int:
    """From HALT to the next start, of the word in RTC_CNTL_ULP_CP_TIMER_1_REG."""
    return (period >> 8) * 1_000_000 // SLOW_HZ
