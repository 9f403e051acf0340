"""What each chip and port can and cannot do. MicroPython 1.29 sources, ports/esp32 and ports/rp2, read 2026-08."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_2000 = 946_684_800


@dataclass(frozen=True)
class Limits:
    """Hard limits of an MCU under its MicroPython port."""

    port: str
    freq: int
    epoch: int  # seconds from 1970 to the port's time.time() zero
    rtc_start: int  # seconds since 1970 the RTC shows after power-on
    rtc_survives_reset: bool
    rtc_bytes: int  # RTC.memory()
    backup_bytes: int  # machine.mem_backup()
    max_sleep_ms: int  # the longest the port takes; 0: any
    wdt_ms: tuple[int, int]  # shortest, longest (0: none)
    reset_cause: int  # after machine.reset(); the ESP32 port calls its software reset SOFT_RESET
    deep_sleep_cause: int  # reset_cause() after deep sleep
    timer_wake: int
    ext_wake: tuple[int, int, int]  # wake_reason() for ext0, ext1, gpio
    ext0_pins: frozenset[int]
    float_bits: int = 32
    wake_calls: tuple[str, ...] = ("wake_on_ext0", "wake_on_ext1")  # what the port's `esp32` module offers
    ulp_pins: frozenset[int] = frozenset()  # what a coprocessor program can move: of the chips whose programs are modelled (board/ulp)
    all_low: bool = False  # ext1 at level 0 waits for all its pins (ESP32); later chips wait for any (ESP-IDF, esp_sleep.h)

    def fixed(self) -> dict[str, Any]:
        """What the port's modules ask of the chip when they are imported: the same at every boot of every board with it."""
        return {
            "port": self.port, "sysname": self.port, "epoch": self.epoch, "freq": self.freq, "max_sleep_ms": self.max_sleep_ms,
            "backup_bytes": self.backup_bytes, "rtc_bytes": self.rtc_bytes, "wdt_ms": self.wdt_ms,
            "wake_calls": self.wake_calls, "ulp": bool(self.ulp_pins),
        }


_ESP32_RTC_PINS = frozenset({0, 2, 4, 12, 13, 14, 15, 25, 26, 27, 32, 33, 34, 35, 36, 37, 38, 39})

LIMITS = {
    "esp32": Limits(
        "esp32", 160_000_000, _2000, _2000, True, 2048, 2048, 0, (1000, 0), 5, 4, 4, (2, 3, 7), _ESP32_RTC_PINS, all_low=True
    ),
    "esp32s3": Limits(
        "esp32", 160_000_000, _2000, _2000, True, 2048, 2048, 0, (1000, 0), 5, 4, 4, (2, 3, 7), frozenset(range(22)),
        ulp_pins=frozenset(range(22)),
    ),
    # No ext0 and ext1: wake_on_gpio() takes the pins of the RTC supply domain (ESP32-C3 data sheet v1.4).
    "esp32c3": Limits(
        "esp32", 160_000_000, _2000, _2000, True, 2048, 2048, 0, (1000, 0), 5, 4, 4, (2, 3, 7), frozenset(range(6)), 32, ("wake_on_gpio",)
    ),
    # deepsleep() is light sleep plus reset: the port cannot tell it from a watchdog reset. 2**32 us = 71.58 min: 4,294,967 ms are refused.
    "rp2040": Limits("rp2", 125_000_000, 0, 1_609_459_200, False, 0, 28, 4_294_966, (0, 8388), 3, 3, 0, (0, 0, 0), frozenset(), 32, ()),
}
