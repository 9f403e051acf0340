"""An air quality station: gas indices from a gas sensor every ten seconds, dust and climate at their own pace, one report.

A report carries the mean of what was measured since the last one, the latest gas indices, and the worst quality among all of
it. The humidity correction of dust is off by default: it depends on the local aerosol, and a wrong one is worse than raw values,
which a reference campaign can still correct afterwards. With a gas sensor, a report is "warming" until the VOC index has learned
(45 minutes); the NOx index shows usual air, 1, until it has something to compare with. A sensor that makes its own indices (SEN5x)
is taken at its word.

An air quality index (`index`) is made of hourly means of PM2.5 and PM10, corrected as the report is. They are the node's own hours,
need a sample in three of their four quarters, and survive deep sleep; a power cut begins them anew.
"""

from array import array
from struct import pack_into, unpack_from

from micropython import const

from kerb.apps.algo import gas_index, humidity
from kerb.apps.algo.settings import LONG_AGO, due, merged
from kerb.errors import ConfigError
from kerb.quality import GOOD, SUSPECT, WARMING, worst

DEFAULTS = {
    "report_s": 600,  # s between reports
    "record": "full",  # "core" leaves out pm1, pm4 and the battery and fits the smallest LoRaWAN frame; "gas" adds CO2, NO2, O3, CO
    "gas_interval_s": 10,  # s between gas samples; Sensirion tested its algorithm at 1 and 10
    "correction": "kappa",  # of dust for humidity: "kappa"; PM2.5 of a Plantower sensor: "epa_2021", "fasm_2021" (with smoke)
    "kappa": 0.0,  # hygroscopicity of the local aerosol; 0 = no correction; 0.3..0.4 fits cities (Crilley et al. 2018)
    "index": "",  # us_2024, eu_2025, eu_legacy, in_2014, cn_2012 or cn_2026; makes record "full" the record "index"
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
    ("co2_ppm", "co2", 0),
    ("no2_ppb", "no2", 0),
    ("o3_ppb", "o3", 0),
    ("co_ppm", "co", 0),
)
_COUNT = const(11)
_CORRECTIONS = ("kappa", "epa_2021", "fasm_2021")

_HEAD = "<IIIHB"
_HEAD_BYTES = const(15)
_COUNTS_AT = const(63)  # after eleven sums and the latest humidity
_VOC_AT = const(85)
_NOX_AT = const(137)
_INDEX_AT = const(189)
# Bits of the quality byte
_BEGUN = const(4)  # the first sample set the clock of the reports
_GAS_SEEN = const(8)  # there is a gas sensor, so an index that has not learned yet is worth waiting for


class App:
    STATE_BYTES = 189  # head, 12 floats, 11 counts, two gas indices; with an air quality index its hours behind them

    def __init__(self, settings):
        self._set = s = merged("air", DEFAULTS, settings)
        self._voc = gas_index.GasIndex(gas_index.VOC, s["gas_interval_s"])
        self._nox = gas_index.GasIndex(gas_index.NOX, s["gas_interval_s"])
        self._sums = array("f", [0.0] * (_COUNT + 1))  # the last one: latest relative humidity, %
        self._counts = array("H", [0] * _COUNT)
        self._mono = self._told_at = self._gas_at = 0
        self._battery_mv = 0
        self._quality = GOOD
        self._begun = self._gas_seen = False
        self._ready = [None, None]  # indices a sensor made itself, since the last report
        self._correct = None
        if s["correction"] not in _CORRECTIONS:
            raise ConfigError("application air has no correction '%s'; take one of %s" % (s["correction"], ", ".join(_CORRECTIONS)))
        if s["correction"] != "kappa":
            self._correct = getattr(humidity, s["correction"])
        self._index = None
        if s["index"]:
            from kerb.apps.algo.air_index import AirIndex

            self._index = AirIndex(s["index"])
            self.STATE_BYTES = _INDEX_AT + self._index.hourly.size
            if s["record"] == "full":
                s["record"] = "index"

    def pack(self):
        out = bytearray(self.STATE_BYTES)
        flags = self._quality | (_BEGUN if self._begun else 0) | (_GAS_SEEN if self._gas_seen else 0)
        pack_into(_HEAD, out, 0, self._mono, self._told_at, self._gas_at, self._battery_mv, flags)
        pack_into("<12f", out, _HEAD_BYTES, *self._sums)
        pack_into("<11H", out, _COUNTS_AT, *self._counts)
        self._voc.pack_into(out, _VOC_AT)
        self._nox.pack_into(out, _NOX_AT)
        if self._index:
            self._index.hourly.pack_into(out, _INDEX_AT)
        return bytes(out)

    def unpack(self, data):
        self._mono, self._told_at, self._gas_at, self._battery_mv, flags = unpack_from(_HEAD, data, 0)
        self._quality = flags & 3
        self._begun = bool(flags & _BEGUN)
        self._gas_seen = bool(flags & _GAS_SEEN)
        for i in range(_COUNT + 1):
            self._sums[i] = unpack_from("<f", data, _HEAD_BYTES + 4 * i)[0]
        for i in range(_COUNT):
            self._counts[i] = unpack_from("<H", data, _COUNTS_AT + 2 * i)[0]
        self._voc.unpack_from(data, _VOC_AT)
        self._nox.unpack_from(data, _NOX_AT)
        if self._index:
            self._index.hourly.unpack_from(data, _INDEX_AT)

    def ask(self):
        """The next measurement is reported whole."""
        self._told_at = LONG_AGO

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
        for i, key in enumerate(("voc_index", "nox_index")):
            if sample.get(key) is not None:
                self._ready[i] = sample[key]
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
        self._gas_seen = False
        if self._index:
            self._index.hourly.reset(mono)
        self._clear()

    def _clear(self):
        self._quality = GOOD
        self._ready[0] = self._ready[1] = None
        for i in range(_COUNT):
            self._sums[i] = 0
            self._counts[i] = 0

    def _sum(self, sample):
        humid = sample.get("rh_pct")
        if humid is not None:
            self._sums[_COUNT] = humid
        humid = self._sums[_COUNT]
        dust = humidity.growth(self._set["kappa"], humid) if self._correct is None else 1
        fine = coarse = None
        for i, row in enumerate(_MEANS):
            value = sample.get(row[0])
            if value is None:
                continue
            if row[2]:
                value /= dust
            if row[0] == "pm25_ug":
                value = fine = self._fine(sample, value, humid)
            elif row[0] == "pm10_ug":
                coarse = value
            if self._counts[i] < 65535:
                self._sums[i] += value
                self._counts[i] += 1
        if self._index:
            self._index.hourly.add(self._mono, fine, coarse)

    def _fine(self, sample, value, humid):
        """PM2.5 after an equation for Plantower sensors, not below zero. Without any humidity so far it stays raw, and suspect."""
        if self._correct is None:
            return value
        if not humid:
            self._quality = worst(self._quality, SUSPECT)
            return value
        return max(self._correct(sample.get("pm25_cf1_ug", value), humid), 0.0)

    def _gas(self, sample):
        gap = self._mono - self._gas_at
        if gap > _MISSED * self._set["gas_interval_s"]:
            if gap <= _RESUME_S and self._voc.resumable:
                self._voc.resume()
            else:
                self._voc.reset()
            self._nox.reset()
        self._gas_at = self._mono
        self._gas_seen = True
        self._voc.process(sample["sraw_voc"])
        if sample.get("sraw_nox") is not None:  # None while the sensor conditions its hot plate
            self._nox.process(sample["sraw_nox"])

    def _values(self):
        voc, nox = self._voc, self._nox
        quality = self._quality
        if self._gas_seen and not (voc.index and voc.learned):
            quality = worst(quality, WARMING)
        own = self._ready
        values = {
            "voc_index": voc.index if own[0] is None else own[0],
            "nox_index": nox.index if own[1] is None else own[1],
            "air_index_rule": self._set["index"] or None,
            "quality": quality,
        }
        if self._index:
            self._index.hourly.close(self._mono)
            values["air_index"] = self._index.value()
        for i, row in enumerate(_MEANS):
            count = self._counts[i]
            values[row[1]] = self._sums[i] / count if count else None
        values["battery_v"] = self._battery_mv / 1000 if self._battery_mv else None
        return values
