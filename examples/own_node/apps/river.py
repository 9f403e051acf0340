"""A river gauge: the level is what the water presses more than the air. Hourly, at once when it moves, alarm at a flood."""

from struct import pack, unpack

from micropython import const

from kerb.apps.algo.settings import due, merged

DEFAULTS = {
    "report_s": 3600,  # s between routine reports
    "step_mm": 50,  # mm of change that is reported at once
    "flood_mm": 2500,  # mm from which it is an alarm, told at each change of state
}

_MM_PER_HPA = 10.2145  # 100 Pa / (998.3 kg/m3 * 9.80665 m/s2), fresh water at 19 C
_UNKNOWN = const(0xFFFF)
_STATES = ("steady", "rising", "falling", "flood")


class App:
    STATE_BYTES = 7

    def __init__(self, settings):
        self._set = merged("river", DEFAULTS, settings)
        self._told_mm = _UNKNOWN
        self._told_at = 0
        self._state = 0

    def pack(self):
        return pack("<HIB", self._told_mm, self._told_at, self._state)

    def unpack(self, data):
        self._told_mm, self._told_at, self._state = unpack("<HIB", data)

    def step(self, sample, now):
        water, air = sample.get("water_hpa"), sample.get("pressure_hpa")
        if water is None or air is None:
            return self._silent(now)
        mm = min(max(round((water - air) * _MM_PER_HPA), 0), 20000)
        state, moved = self._judge(mm)
        flood_changed = (state == 3) != (self._state == 3)
        if not (flood_changed or moved or self._told_mm == _UNKNOWN or due(now.mono, self._told_at, self._set["report_s"])):
            return []
        self._told_mm, self._told_at, self._state = mm, now.mono, state
        values = {"water_level": mm, "water_temperature": sample.get("water_temp_c"), "river_state": _STATES[state]}
        return [("report", "full", 0 if flood_changed else 1 if moved else 2, values)]

    def _judge(self, mm):
        """(index of the state, whether it moved far enough to be told at once)."""
        change = 0 if self._told_mm == _UNKNOWN else mm - self._told_mm
        moved = abs(change) >= self._set["step_mm"]
        if mm >= self._set["flood_mm"]:
            return 3, moved
        return (1 if change > 0 else 2) if moved else 0, moved

    def _silent(self, now):
        """A part is missing: no level, but the node is heard once an hour."""
        if not due(now.mono, self._told_at, self._set["report_s"]):
            return []
        self._told_at = now.mono
        return [("report", "full", 2, {"water_level": None, "water_temperature": None, "river_state": _STATES[0]})]
