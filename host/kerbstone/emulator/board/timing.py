"""RTC with its slip, retained memory, watchdog, timers."""

from __future__ import annotations

import random

from kerbstone.emulator.board.device import OK, POWER_ON, WATCHDOG, Answer, Device
from kerbstone.emulator.engine.ops import ROOM
from kerbstone.emulator.kernel import Event

_PERIODIC = 1


class Timing:
    def __init__(self, device: Device):
        self.device = device
        self.memory = b""
        self.backup: list[int] = []
        self._rtc_base_us = 0  # what the RTC showed at `_rtc_at`
        self._rtc_at = 0
        self._wdt: Event | None = None
        self._wdt_ms = 0
        self._timers: dict[int, Event] = {}
        self._rng = random.Random(device.spec.seed)
        device.raw = {1: self._urandom, 2: self._memory_get, 3: self._memory_set}
        device.calls.update(
            rtc_set=self._rtc_set,
            backup_get=lambda i: self.backup[i], backup_set=self._backup_set,
            wdt=self._wdt_start, wdt_feed=self._wdt_feed, timer=self._timer, timer_off=self._timer_off,
        )
        device.rtc = self._rtc
        device.on_boot.append(self._boot)
        device.on_stop.append(self._stop)

    def _boot(self, cause: int) -> None:
        limits = self.device.spec.limits
        if cause == POWER_ON:
            self.memory = b""
            self.backup = [0] * (limits.backup_bytes // 4)
        if cause == POWER_ON or not limits.rtc_survives_reset:
            self._rtc_set(limits.rtc_start)

    def _stop(self) -> None:
        for event in (self._wdt, *self._timers.values()):
            if event:
                event.cancel()
        self._wdt = None
        self._timers.clear()

    # -- RTC ----------------------------------------------------------------------------------------------

    def _rtc(self) -> tuple[int, int, float]:
        """What the RTC was set to (us since 1970), when (us since this boot began), and how fast it runs (ppm).

        The interpreter reckons with it by itself: asking for the time is the most frequent thing a firmware does.
        """
        return self._rtc_base_us, self._rtc_at - self.device.boot_us, self.device.spec.rtc_ppm

    def slip(self, ppm: float) -> None:
        """The RTC runs by `ppm` too fast from now on; what it shows does not jump."""
        device = self.device
        dt = device.kernel.now - self._rtc_at
        self._rtc_base_us += dt + int(dt * device.spec.rtc_ppm / 1e6)
        self._rtc_at = device.kernel.now
        device.spec.rtc_ppm = ppm
        device.interrupt("rtc", self._rtc())

    def _rtc_set(self, utc_s: int) -> list[float]:
        self._rtc_base_us = utc_s * 1_000_000
        self._rtc_at = self.device.kernel.now
        return list(self._rtc())

    # -- memory that survives -----------------------------------------------------------------------------

    def _urandom(self, count: int, _data: bytes) -> Answer:
        return (0, 0, self._rng.randbytes(count), 0)

    def _memory_get(self, offset: int, _data: bytes) -> Answer:
        return (0, 0, self.memory[offset : offset + ROOM], 0)

    def _memory_set(self, more: int, data: bytes) -> Answer:
        self.memory = self.memory + data if more else b""
        return OK

    def _backup_set(self, i: int, word: int) -> None:
        self.backup[i] = word & 0xFFFFFFFF

    # -- watchdog and timers ------------------------------------------------------------------------------

    def _wdt_start(self, timeout_ms: int) -> None:
        self._wdt_ms = timeout_ms
        self._wdt_feed()

    def _wdt_feed(self) -> None:
        if self._wdt:
            self._wdt.cancel()
        if self._wdt_ms:
            self._wdt = self.device.kernel.after(self._wdt_ms * 1000, self._bite)

    def _bite(self) -> None:
        self._wdt = None
        self.device.reset(WATCHDOG)

    def _timer(self, number: int, period_us: int, mode: int) -> None:
        self._timer_off(number)
        self._timers[number] = self.device.kernel.after(period_us, self._tick, number, period_us, mode)

    def _timer_off(self, number: int) -> None:
        event = self._timers.pop(number, None)
        if event:
            event.cancel()

    def _tick(self, number: int, period_us: int, mode: int) -> None:
        if mode == _PERIODIC:
            self._timers[number] = self.device.kernel.after(period_us, self._tick, number, period_us, mode)
        else:
            self._timers.pop(number, None)
        self.device.interrupt(f"timer{number}", 0)
