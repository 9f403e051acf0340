"""ADC and PWM."""

import _link


def _number(pin):
    return getattr(pin, "_id", pin)


class ADC:
    ATTN_0DB = 0
    ATTN_2_5DB = 1
    ATTN_6DB = 2
    ATTN_11DB = 3
    CORE_TEMP = 4

    def __init__(self, pin, *, atten=3, sample_ns=0):
        self._id = _number(pin)
        self._atten = atten
        _link.tell("adc", self._id, atten)

    def atten(self, atten):
        self._atten = atten
        _link.tell("adc", self._id, atten)

    def read_uv(self):
        return _link.call(_link.ADC, 0, self._id)

    def read_u16(self):
        return _link.call(_link.ADC, 1, self._id)

    def read(self):
        return self.read_u16() >> 4


if _link.hello["port"] == "rp2":
    del ADC.read_uv, ADC.read, ADC.atten, ADC.ATTN_0DB, ADC.ATTN_2_5DB, ADC.ATTN_6DB, ADC.ATTN_11DB
else:
    del ADC.CORE_TEMP


class PWM:
    def __init__(self, pin, *, freq=0, duty_u16=None, duty_ns=None, invert=False):
        self._id = _number(pin)
        self._freq = freq or 1000
        self._duty = 0
        self._invert = invert
        if duty_u16 is not None:
            self.duty_u16(duty_u16)

    def init(self, *, freq=0, duty_u16=None, invert=None):
        if invert is not None:
            self._invert = invert
        if freq:
            self._freq = freq
        self.duty_u16(self._duty if duty_u16 is None else duty_u16)

    def freq(self, hz=None):
        if hz is None:
            return self._freq
        self._freq = hz
        self.duty_u16(self._duty)

    def duty_u16(self, duty=None):
        if duty is None:
            return self._duty
        self._duty = duty
        _link.ask("pwm", self._id, self._freq, 65535 - duty if self._invert else duty)

    def duty_ns(self, ns=None):
        if ns is None:
            return self._duty * 1000000000 // (65535 * self._freq)
        self.duty_u16(ns * 65535 * self._freq // 1000000000)

    def deinit(self):
        _link.ask("pwm", self._id, 0, 0)
