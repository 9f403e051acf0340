"""ADC inputs and PWM outputs."""

from __future__ import annotations

from typing import Protocol

from kerbstone.emulator.board.device import Answer, Device
from kerbstone.emulator.engine import ops

# Full scale by attenuation setting, uV. ESP32-S3 data sheet v1.2, ADC characteristics.
_FULL_SCALE_UV = {0: 950_000, 1: 1_250_000, 2: 1_750_000, 3: 3_100_000}


class AdcSource(Protocol):
    def adc_uv(self, t_us: int) -> int: ...


class PwmSink(Protocol):
    def pwm(self, freq_hz: int, duty_u16: int) -> None: ...


class Analog:
    """Sources and sinks by pin number."""

    def __init__(self, device: Device):
        self.device = device
        self.sources: dict[int, AdcSource] = {}
        self.sinks: dict[int, PwmSink] = {}
        self._atten: dict[int, int] = {}
        device.ops[ops.ADC] = self._adc
        device.calls.update(adc=self._setup, pwm=self._pwm, mcu_temperature=self._temperature)
        self.temperature = lambda: 25.0
        self._running: set[int] = set()
        device.on_stop.append(self._stop)

    def _setup(self, pin: int, atten: int) -> None:
        self._atten[pin] = atten

    def _adc(self, as_u16: int, pin: int, _data: bytes) -> Answer:
        device = self.device
        source = self.sources.get(pin)
        esp32 = device.spec.limits.port == "esp32"
        full = _FULL_SCALE_UV[self._atten.get(pin, 3)] if esp32 else device.spec.adc_full_scale_uv
        uv = source.adc_uv(device.kernel.now) if source else 0
        uv = min(max(uv, 0), full)
        return (0, uv * 65535 // full if as_u16 else uv, b"", 100)

    def _pwm(self, pin: int, freq_hz: int, duty_u16: int) -> None:
        sink = self.sinks.get(pin)
        if sink:
            self._running.add(pin)
            sink.pwm(freq_hz, duty_u16)

    def _stop(self) -> None:
        """The chip's outputs let go: whatever hangs on a PWM pin sees no signal any more."""
        for pin in sorted(self._running):
            self.sinks[pin].pwm(0, 0)
        self._running.clear()

    def _temperature(self) -> float:
        return round(self.temperature(), 1)
