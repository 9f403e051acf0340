"""The chip's ADC inputs and PWM outputs."""

from __future__ import annotations

from typing import Any

from kerbstone.chip.engine import Chip
from kerbstone.emulator.board.analog import AdcSource, PwmSink

_FIRST_ADC_PIN = 26  # ADC0
_FULL_SCALE_UV = 3_300_000
_STEPS = 4095
_CORE_CHANNEL, _CORE_UV = 4, 706_000  # core temperature sensor at 27 C, data sheet 4.9.5
_FUNCTION_PWM = 4
_CSR_ENABLE = 1


class Analog:
    """Sources and sinks by pin number."""

    def __init__(self, chip: Chip):
        self._chip = chip
        self._sources: dict[int, AdcSource] = {}
        self._sinks: dict[int, PwmSink] = {}
        self._shown: dict[int, tuple[int, int]] = {}
        adc = chip.mcu.adc
        adc.channel_values[_CORE_CHANNEL] = _CORE_UV * _STEPS // _FULL_SCALE_UV
        self._sample = adc.on_adc_read
        adc.on_adc_read = self._read
        self._write = chip.mcu.pwm.write_uint32
        chip.mcu.pwm.write_uint32 = self._written
        chip.on_reset.append(self._show)

    def source(self, pin: int, source: AdcSource) -> None:
        self._sources[pin - _FIRST_ADC_PIN] = source

    def sink(self, pin: int, sink: PwmSink) -> None:
        self._sinks[pin] = sink
        self._chip.mcu.gpio[pin].add_listener(lambda _state, _before: self._show())

    def _read(self, channel: int) -> None:
        source = self._sources.get(channel)
        if source:
            self._chip.kernel.sync()
            uv = min(max(source.adc_uv(self._chip.kernel.now), 0), _FULL_SCALE_UV)
            self._chip.mcu.adc.channel_values[channel] = uv * _STEPS // _FULL_SCALE_UV
        self._sample(channel)

    def _written(self, offset: int, value: int) -> None:
        self._write(offset, value)
        self._show()

    def _show(self) -> None:
        """Tells every sink whose signal has changed."""
        for pin, sink in self._sinks.items():
            signal = self._signal(pin)
            if signal != self._shown.get(pin, (0, 0)):
                self._shown[pin] = signal
                self._chip.kernel.sync()
                sink.pwm(*signal)

    def _signal(self, pin: int) -> tuple[int, int]:
        """(Hz, duty of 65535) on a pin; (0, 0) when its slice does not run or the pin does not show it."""
        mcu = self._chip.mcu
        channel: Any = mcu.pwm.channels[pin >> 1 & 7]
        if not channel.csr & _CSR_ENABLE or mcu.gpio[pin].function_select != _FUNCTION_PWM:
            return (0, 0)
        compare = channel.cc >> 16 if pin & 1 else channel.cc & 0xFFFF
        counts = channel.top + 1
        divider = (channel.div or 16 << 8) / 16
        return round(mcu.clk_sys / divider / counts), min(compare * 65535 // counts, 65535)
