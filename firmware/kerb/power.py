"""Sleep, wake and the memory that survives them: the one place that knows how ports differ.

ESP32: RTC memory, timer and ext1 wake, true wake reasons. RP2: no wake pins from deep sleep, at most 71.58 minutes,
28 bytes in scratch registers (MicroPython 1.29), and a wake that looks like a watchdog reset.
"""

import time

import machine

try:
    import esp32
except ImportError:
    esp32 = None

# RP2: 2**32 us; a margin for the work around it.
_RP2_LIMIT_MS = 4290000
_WATCHDOG_MS = 900000  # a search for a network and all that waits take minutes; an RP2040's watchdog knows 8.4 s
# ESP_SLEEP_WAKEUP_EXT0, EXT1, ULP and GPIO of ESP-IDF: the port hands all through, but names no GPIO.
_EVENT_WAKES = (2, 3, 6, 7)


def restart():
    """Begins anew, as after a reset."""
    machine.reset()


def woke_by_pin():
    """True when a wake pin or the coprocessor, not the timer, ended deep sleep."""
    return bool(esp32) and machine.wake_reason() in _EVENT_WAKES  # type: ignore[attr-defined]


class Power:
    """`light`: may the CPU stop while it waits (battery nodes) or must it keep Wi-Fi alive (mains nodes)."""

    def __init__(self, light, clock=None):
        self._light = light
        self.clock = clock
        self._watch = None
        self.limit_ms = 0 if esp32 else _RP2_LIMIT_MS

    def show_utc(self):
        """True once the port's RTC shows UTC, which is what it checks certificates against."""
        return self.clock.show_utc()

    def learn_time(self, got):
        """The network's time, as an uplink's take_time() gives it."""
        from kerb import log

        log.event("clock", got[0], self.clock.set(*got))

    def powered_on(self):
        """True when the board had no power before this start."""
        return machine.reset_cause() == machine.PWRON_RESET

    def mono(self):
        """Whole seconds since power-on."""
        from kerb.clock import mono_ms  # not needed by who looks first what woke the node

        return mono_ms() // 1000

    def battery(self):
        """State of the supply as LoRaWAN's DevStatusAns counts it: 255 = cannot tell."""
        return 255

    def idle_ms(self, ms):
        """Waits, RAM kept."""
        if ms <= 0:
            return
        if self._light and ms >= 5:
            # An interrupt may end light sleep early.
            end = time.ticks_add(time.ticks_ms(), ms)
            while True:
                left = time.ticks_diff(end, time.ticks_ms())
                if left <= 0:
                    return
                machine.lightsleep(left)
        time.sleep_ms(ms)

    def deep_sleep(self, ms, wake_pins):
        """Ends RAM. wake_pins: [(pin, level), ...]. ext1 waits for one level and ext0 for one pin; where that is not enough, a node looks
        at the others when they are due.
        """
        if self._watch:
            self._watch.stop()
        if self.limit_ms and ms > self.limit_ms:
            ms = self.limit_ms
        if wake_pins and esp32:
            low, high = [[machine.Pin(p, machine.Pin.IN) for p, level in wake_pins if level == wanted] for wanted in (0, 1)]
            many, few, level, other = (high, low, 1, 0) if len(high) >= len(low) else (low, high, 0, 1)
            ext0 = hasattr(esp32, "wake_on_ext0")
            if ext0 and not (level or few) and len(many) > 1:
                few, other = [many.pop()], 0  # the ESP32's ext1 waits until all of its pins are low
            # ESP32-C3 has no ext1: its wake by GPIO takes the same arguments.
            wake_on = getattr(esp32, "wake_on_ext1", None) or esp32.wake_on_gpio  # type: ignore[attr-defined]
            wake_on(many, esp32.WAKEUP_ANY_HIGH if level else esp32.WAKEUP_ALL_LOW)
            if ext0 and len(few) == 1:
                esp32.wake_on_ext0(few[0], esp32.WAKEUP_ANY_HIGH if other else esp32.WAKEUP_ALL_LOW)
        machine.deepsleep(ms)

    def watchdog(self):
        """Ends a start that hangs, of applications on trial; fed once a cycle."""
        if esp32:
            return machine.WDT(timeout=_WATCHDOG_MS)
        from kerb.watch import Watchdog

        self._watch = Watchdog(_WATCHDOG_MS, self._light)
        return self._watch

    def reset(self):
        """A hard reset: after a change of application, or of an ESP32's partition, nothing else may come before the next start."""
        machine.reset()

    def memory_get(self):
        """The record the board kept, or None."""
        if esp32:
            return machine.RTC().memory()
        if hasattr(machine, "mem_backup"):
            registers: memoryview = machine.mem_backup()
            raw = b"".join([registers[i].to_bytes(4, "little") for i in range(len(registers))])
            size = raw[0]
            return raw[1 : 1 + size] if 0 < size < len(raw) else None
        return None

    def memory_set(self, raw):
        """False when the board cannot keep so much."""
        if esp32:
            if len(raw) > 2048:
                return False
            machine.RTC().memory(raw)
            return True
        if hasattr(machine, "mem_backup"):
            registers: memoryview = machine.mem_backup()
            room = len(registers) * registers.itemsize
            if len(raw) < room:
                padded = bytes([len(raw)]) + raw
                padded += bytes(room - len(padded))
                for i in range(len(registers)):
                    registers[i] = int.from_bytes(padded[4 * i : 4 * i + 4], "little")
                return True
            registers[0] = 0
        return False
