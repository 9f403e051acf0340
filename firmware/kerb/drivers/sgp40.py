"""Sensirion SGP40 VOC sensor (data sheet version 1.2, February 2022), I2C.

Bus: I2C 0x59, up to 400 kHz. Currents: 2.6 mA measuring at 3.3 V, 34 uA idle. An SGP41 answers at the same address to the same serial
number; it is told apart by refusing this chip's measuring command. The hot plate needs 45 s until its signal means something, which
the gas index waits for by itself, so a sample is good as soon as the chip takes it.
"""

from micropython import const

from kerb.drivers.sensirion import Words
from kerb.drivers.sgp4x import fill_command
from kerb.quality import GOOD, SUSPECT

_MEASURE = const(0x260F)
_SELF_TEST = const(0x280E)
_HEATER_OFF = const(0x3615)
_SERIAL = const(0x3682)
_MEASURE_MS = const(30)
_SELF_TEST_MS = const(320)
_PASSED = const(0xD4)


class SGP40:
    """Raw signal in ticks, proportional to the logarithm of the resistance. Options: `self_test` (False), 320 ms."""

    WARM_UP_MS = 40
    QUANTITIES = ("sraw_voc",)

    def __init__(self, bus, options):
        self._chip = Words(bus, options.get("addr", 0x59), options, "sgp40", 3)
        self._command = bytearray(8)
        self._result = {"sraw_voc": 0, "quality": GOOD}
        chip = self._chip
        chip.send(_HEATER_OFF)
        chip.get(_SERIAL, 3)
        self.serial = "%04x%04x%04x" % (chip.word(0), chip.word(1), chip.word(2))
        if options.get("self_test", False):
            chip.get(_SELF_TEST, 1, _SELF_TEST_MS)
            if chip.buf[0] != _PASSED:
                raise chip.error("self-test failed; replace it")

    def start(self):
        """Switches the heater on by a measurement that is thrown away."""
        fill_command(self._command, _MEASURE, 50, 25)
        self._chip.write(self._command, "the SGP40's measuring command; an SGP41 has another driver", _MEASURE_MS)

    def measure(self, env):
        """Compensated with env's rh_pct and temp_c (else 50 %, 25 C: no compensation). Takes 30 ms."""
        rh, t = env.get("rh_pct"), env.get("temp_c")
        if rh is None or t is None:
            rh, t = 50, 25
        fill_command(self._command, _MEASURE, rh, t)
        self._chip.write(self._command, "its measuring command", _MEASURE_MS)
        self._chip.read(1)
        raw = self._chip.word(0)
        self._result["sraw_voc"] = raw
        self._result["quality"] = SUSPECT if raw in (0, 65535) else GOOD
        return self._result

    def sleep(self):
        """Heater off, idle (34 uA)."""
        self._chip.send(_HEATER_OFF)
