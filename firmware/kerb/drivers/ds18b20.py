"""DS18B20 thermometer on a 1-Wire pin (with 4.7 kOhm to 3.3 V), over the port's own `onewire` module.

Maxim data sheet 19-7487 rev 6: family 28h, scratchpad of nine bytes with CRC-8, 1/16 degC; 750 ms for 12 bits, during which
it draws 1 mA (1.5 mA at most), else 1 uA. A scratchpad that says 85 degC (0550h) with 0Ch in byte 6 is the power-on value:
no conversion was done.
"""

from micropython import const

from kerb.drivers.pins import pin_of
from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT

_FAMILY = const(0x28)
_CONVERT = const(0x44)
_READ = const(0xBE)
_POWER_ON = const(0x0550)


def raw16(pad):
    """Temperature in 1/16 degC from the scratchpad; bits below the resolution in byte 4 are undefined and cut off."""
    raw = pad[1] << 8 | pad[0]
    if raw & 0x8000:
        raw -= 0x10000
    return raw & -1 << 3 - (pad[4] >> 5 & 3)


class DS18B20:
    """Options: data_pin, rom (16 hex digits; needed when several hang on the wire), name, where."""

    WARM_UP_MS = 750
    QUANTITIES = ("temp_c",)

    def __init__(self, bus, options):
        from machine import Pin
        from onewire import OneWire

        self._name = options.get("name", "ds18b20")
        pin = pin_of(self._name, options, "data_pin")
        self._where = "pin %d" % pin
        self._wire = OneWire(Pin(pin))
        self._pad = bytearray(9)
        self._sample = {"temp_c": 0.0, "quality": GOOD}
        self._reset()
        if not self._wire.readbit():  # nobody was asked anything: only a short reads as 0
            self._fail("the wire is held low; look for a short or a chip the wrong way round")
        found = [bytes(rom) for rom in self._wire.scan()]
        wanted = options.get("rom")
        if not found:
            self._fail("a chip is there but does not give its ROM; shorten the wire or use a stronger pull-up")
        if wanted is None:
            if len(found) > 1:
                raise ConfigError("%s finds %d chips on its wire; give the 'rom' of one, or one wire each" % (self._name, len(found)))
            wanted = "".join(["%02x" % byte for byte in found[0]])
        self.rom = bytes([int(wanted[i : i + 2], 16) for i in range(0, len(wanted), 2)])
        if self.rom not in found:
            self._fail("no chip with ROM %s on the wire; it has %d others" % (wanted, len(found)))
        if self.rom[0] != _FAMILY:
            self._fail("family is %02x, not 28; fit a DS18B20 or name the right part" % self.rom[0])
        if self._wire.crc8(self.rom):
            self._fail("ROM with a wrong CRC; shorten the wire")

    def start(self):
        self._select()
        self._wire.writebyte(_CONVERT)

    def measure(self, env):
        """One reading for each start()."""
        pad, sample = self._pad, self._sample
        self._select()
        self._wire.writebyte(_READ)
        self._wire.readinto(pad)
        # Nine zeros, from a wire that is shorted low, have a good CRC.
        if self._wire.crc8(pad) or not any(pad):
            self._fail("wrong CRC; shorten the wire or use a stronger pull-up")
        if pad[1] << 8 | pad[0] == _POWER_ON and pad[6] == 0x0C:
            self._fail("power-on value instead of a reading; its supply failed, or call start() and wait 750 ms")
        temp = raw16(pad) / 16
        sample["temp_c"] = temp
        # The chip stops at the ends of its range: what it says there may be anything beyond.
        sample["quality"] = GOOD if -55 < temp < 125 else SUSPECT
        return sample

    def set(self, key, value):
        raise ConfigError("%s has nothing to set; remove '%s' from the application" % (self._name, key))

    def sleep(self):
        """Nothing to do: the chip idles by itself."""

    def _select(self):
        self._reset()
        self._wire.select_rom(self.rom)

    def _reset(self):
        if not self._wire.reset():
            self._fail("no answer to a reset; check supply, wiring and the 4.7 kOhm pull-up")

    def _fail(self, cause):
        raise SensorError(self._name, self._where, cause)
