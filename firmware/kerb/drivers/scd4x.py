"""Sensirion SCD40 and SCD41 CO2 sensors (data sheet version 1.5, 2024), I2C.

Bus: I2C 0x62, up to 100 kHz. Currents: 15 mA measuring every 5 s (not confirmed), 0.15 mA idle, 0.5 uA powered down (SCD41, not
confirmed). A new value every 5 s.
It corrects itself to 400 ppm as the lowest of a week, which an outdoor sensor meets. Air pressure of another part of the node is handed
on to it. Option `power_down` (False): an SCD41 sleeps powered down.
"""

import time

from micropython import const

from kerb.drivers.sensirion import Words
from kerb.quality import GOOD, SUSPECT

# Commands (section 3.5) and their times
_START = const(0x21B1)
_READ = const(0xEC05)
_STOP = const(0x3F86)
_STOP_MS = const(500)
_READY = const(0xE4B8)
_SERIAL = const(0x3682)
_PRESSURE = const(0xE000)
_POWER_DOWN = const(0x36E0)
_WAKE = const(0x36F6)  # not acknowledged
_WAKE_MS = const(30)

_CADENCE_MS = const(5000)
_POLL_MS = const(100)
_LOWEST_PPM, _HIGHEST_PPM = const(350), const(40000)  # less than outdoor air has had since 1985; end of the output range


def convert(word, i):
    """word(i) .. word(i + 2) as (ppm, C, %RH): 175 / 65535 and 100 / 65535 a tick (section 3.6)."""
    return word(i), -45 + 175 * word(i + 1) / 65535, 100 * word(i + 2) / 65535


class SCD4X:
    WARM_UP_MS = 5200
    QUANTITIES = ("co2_ppm", "temp_c", "rh_pct")

    def __init__(self, bus, options):
        self._chip = chip = Words(bus, options.get("addr", 0x62), options, "scd4x", 3)
        self._power_down = options.get("power_down", False)
        self._result = {"co2_ppm": 0, "temp_c": 0.0, "rh_pct": 0.0, "quality": GOOD}
        self._told_hpa = 0
        self._running = False
        chip.attempt(_WAKE, _WAKE_MS)
        chip.attempt(_STOP, _STOP_MS)  # an MCU reset leaves the chip measuring
        chip.get(_SERIAL, 3)
        self.serial = "%04x%04x%04x" % (chip.word(0), chip.word(1), chip.word(2))

    def start(self):
        """Starts measuring every 5 s; does nothing while it measures."""
        if not self._running:
            self._chip.attempt(_WAKE, _WAKE_MS)
            self._chip.send(_START)
            self._running = True

    def measure(self, env):
        """The latest value; waits up to 5 s for a new one."""
        chip, result = self._chip, self._result
        if not self._running:
            raise chip.error("is not measuring; call start() first")
        pressure = env.get("pressure_hpa")
        if pressure is not None and abs(pressure - self._told_hpa) >= 1 and 700 <= pressure <= 1200:
            chip.send(_PRESSURE, 1, int(pressure + 0.5))
            self._told_hpa = pressure
        for _ in range(_CADENCE_MS // _POLL_MS + 2):
            chip.get(_READY, 1)
            if chip.word(0) & 0x7FF:
                break
            time.sleep_ms(_POLL_MS)
        else:
            raise chip.error("no new value for more than 5 s; check its supply, which must carry peaks of 205 mA")
        chip.get(_READ, 3)
        ppm, temp, rh = convert(chip.word, 0)
        result["co2_ppm"], result["temp_c"], result["rh_pct"] = ppm, temp, rh
        result["quality"] = GOOD if _LOWEST_PPM <= ppm <= _HIGHEST_PPM and -10 <= temp <= 60 else SUSPECT
        return result

    def sleep(self):
        """Idle (0.15 mA), or powered down if the option says so. Takes 0.5 s."""
        if self._running:
            self._chip.send(_STOP, _STOP_MS)
            self._running = False
        if self._power_down:
            self._chip.send(_POWER_DOWN)
