"""The wires of a modem beside its UART: supply, power key, reset, DTR."""

from time import sleep_ms, ticks_add, ticks_diff, ticks_ms

from machine import Pin

_RESET_MS = 500
_SUPPLY_MS = 1000  # off, until its capacitors are empty


class Keys:
    """`wires`: pwrkey, pwrkey_level, reset, reset_level, dtr and enable, [{"pin", "level"}, ...], of the board's modem, as it has them."""

    def __init__(self, wires):
        self._enable = [(row["pin"], row["level"]) for row in wires.get("enable", ())]
        self._pwrkey = wires.get("pwrkey"), wires.get("pwrkey_level", 1)
        self._reset = wires.get("reset"), wires.get("reset_level", 1)
        self._dtr = wires.get("dtr")

    @property
    def has_key(self):
        return self._pwrkey[0] is not None

    def supply(self, on):
        """Switches what the board feeds the modem from; DTR low keeps the UART awake."""
        for pin, level in self._enable:
            Pin(pin, Pin.OUT, value=level if on else 1 - level)
        if on and self._dtr is not None:
            Pin(self._dtr, Pin.OUT, value=0)

    def press(self, ms, wait=sleep_ms):
        """Presses the power key for so long; nothing where there is none."""
        pin, level = self._pwrkey
        if pin is not None:
            key = Pin(pin, Pin.OUT, value=level)
            end = ticks_add(ticks_ms(), ms)
            wait(ms)
            sleep_ms(max(ticks_diff(end, ticks_ms()), 0))  # light sleep may end early, and a short press does nothing
            key.value(1 - level)

    def reset(self):
        """The last resort: the reset line, or the supply. False where the board has neither."""
        pin, level = self._reset
        if pin is not None:
            line = Pin(pin, Pin.OUT, value=level)
            sleep_ms(_RESET_MS)
            line.value(1 - level)
        elif self._enable:
            self.supply(False)
            sleep_ms(_SUPPLY_MS)
            self.supply(True)
        else:
            return False
        return True
