"""An air quality station: gas indices from a gas sensor every ten seconds, dust and climate at their own pace, one report.

A report carries the mean of what was measured since the last one, the latest gas indices, and the worst quality among all of
it. The humidity correction of dust is off by default: its kappa depends on the local aerosol, and a wrong one is worse than
raw values, which a reference campaign can still correct afterwards. A report is "warming" until the VOC index has learned (45
minutes); the NOx index shows usual air, 1, until it has something to compare with.
"""

from array import array
from struct import pack_into, unpack_from

from micropython import const

from kerb.apps.algo import gas_index, humidity
from kerb.apps.algo.settings import due, merged
from kerb.quality import GOOD, WARMING, worst

DEFAULTS = {
    "report_s": 600,  # s between reports
    "record": "full",  # "core" leaves out pm1, pm4 and the battery and fits the smallest LoRaWAN frame
    "gas_interval_s": 10,  # s between gas samples; Sensirion tested its algorithm at 1 and 10
    "kappa": 0.0,  # hygroscopicity of the local aerosol; 0 = no correction; 0.3..0.4 fits cities (Crilley et al. 2018)
}

# Gas samples farther apart than this many intervals are an interruption.
_MISSED = const(3)
_RESUME_S = const(600)  # longest interruption after which what was learned still holds (Sensirion)

# Means: quantity of the sample, channel of the record, 1 = dust that takes up water
_MEANS = (
    ("temp_c", "air_temperature", 0),
    ("rh_pct", "humidity", 0),
    ("pressure_hpa", "pressure", 0),
    ("pm1_ug", "pm1", 1),
    ("pm25_ug", "pm2_5", 1),
    ("pm4_ug", "pm4", 1),
    ("pm10_ug", "pm10", 1),
)
_COUNT = const(7)

_HEAD = "<IIIHB"
_HEAD_BYTES = const(15)
_COUNTS_AT = const(47)  # after seven sums and the latest humidity
_VOC_AT = const(61)
_NOX_AT = const(113)
_BEGUN = const(4)  # bit of the quality byte: the first sample set the clock of the reports


class App:
    STATE_BYTES = 165  # head, 8 floats, 7 counts, two gas indices

    def __init__(self, settings):
        self._set = s = merged("air", DEFAULTS, settings)
        self._voc = gas_index.GasIndex(gas_index.VOC, s["gas_interval_s"])
        self._nox = gas_index.GasIndex(gas_index.NOX, s["gas_interval_s"])
        self._sums = array("f", [0.0] * (_COUNT + 1))  # the last one: latest relative humidity, %
        self._counts = array("H", [0] * _COUNT)
        self._mono = self._told_at = self._gas_at = 0
        self._battery_mv = 0
        self._quality = GOOD
        self._begun = False

    def pack(self):
        out = bytearray(self.STATE_BYTES)
        flags = self._quality | (_BEGUN if self._begun else 0)
        pack_into(_HEAD, out, 0, self._mono, self._told_at, self._gas_at, self._battery_mv, flags)
        pack_into("<8f", out, _HEAD_BYTES, *self._sums)
        pack_into("<7H", out, _COUNTS_AT, *self._counts)
        self._voc.pack_into(out, _VOC_AT)
        self._nox.pack_into(out, _NOX_AT)
        return bytes(out)

    def unpack(self, data):
        self._mono, self._told_at, self._gas_at, self._battery_mv, flags = unpack_from(_HEAD, data, 0)
        self._quality = flags & 3
        self._begun = bool(flags & _BEGUN)
        for i in range(_COUNT + 1):
            self._sums[i] = unpack_from("<f", data, _HEAD_BYTES + 4 * i)[0]
        for i in range(_COUNT):
            self._counts[i] = unpack_from("<H", data, _COUNTS_AT + 2 * i)[0]
        self._voc.unpack_from(data, _VOC_AT)
        self._nox.unpack_from(data, _NOX_AT)

    def step(self, sample, now):
        effects = []
        if now.mono < self._mono or not self._begun:
            self._begin(now.mono)
        self._mono = now.mono
        self._quality = worst(self._quality, sample.get("quality", GOOD))
        volt = sample.get("battery_v")
        if volt is not None:
            self._battery_mv = max(min(round(volt * 1000), 65535), 0)
        self._sum(sample)
        if sample.get("sraw_voc") is not None:
            self._gas(sample)
        if due(now.mono, self._told_at, self._set["report_s"]):
            effects.append(("report", self._set["record"], 2, self._values()))
            self._told_at = now.mono
            self._clear()
        return effects

    def _begin(self, mono):
        """Power-on: nobody knows how long the power was away, so nothing learned is kept."""
        self._begun = True
        self._told_at = self._gas_at = mono
        self._voc.reset()
        self._nox.reset()
        self._clear()

    def _clear(self):
        self._quality = GOOD
        for i in range(_COUNT):
            self._sums[i] = 0
            self._counts[i] = 0

    def _sum(self, sample):
        humid = sample.get("rh_pct")
        if humid is not None:
            self._sums[_COUNT] = humid
        dust = humidity.growth(self._set["kappa"], self._sums[_COUNT])
        for i, row in enumerate(_MEANS):
            value = sample.get(row[0])
            if value is not None and self._counts[i] < 65535:
                self._sums[i] += value / dust if row[2] else value
                self._counts[i] += 1

    def _gas(self, sample):
        gap = self._mono - self._gas_at
        if gap > _MISSED * self._set["gas_interval_s"]:
            if gap <= _RESUME_S and self._voc.resumable:
                self._voc.resume()
            else:
                self._voc.reset()
            self._nox.reset()
        self._gas_at = self._mono
        self._voc.process(sample["sraw_voc"])
        if sample.get("sraw_nox") is not None:  # None while the sensor conditions its hot plate
            self._nox.process(sample["sraw_nox"])

    def _values(self):
        voc, nox = self._voc, self._nox
        quality = self._quality
        if not (voc.index and voc.learned):
            quality = worst(quality, WARMING)
        values = {"voc_index": voc.index, "nox_index": nox.index, "quality": quality}
        for i, row in enumerate(_MEANS):
            count = self._counts[i]
            values[row[1]] = self._sums[i] / count if count else None
        values["battery_v"] = self._battery_mv / 1000 if self._battery_mv else None
        return values
