"""A node whose application does as it is told: mute, or crash."""

from __future__ import annotations

from pathlib import Path

_APP = '''
"""For tests: reports, is mute, or crashes."""

from kerb.apps.algo.settings import LONG_AGO, due, merged

DEFAULTS = {"report_s": 600, "mute": False, "crash_on": 0}


class App:
    STATE_BYTES = 4

    def __init__(self, settings):
        self._set = merged("fragile", DEFAULTS, settings)
        self._told_at = LONG_AGO

    def pack(self):
        return self._told_at.to_bytes(4, "little")

    def unpack(self, data):
        self._told_at = int.from_bytes(data, "little")

    def ask(self):
        self._told_at = LONG_AGO

    def step(self, sample, now):
        if self._set["crash_on"] and now.mono >= self._set["crash_on"]:
            return self._fall(0)
        if self._set["mute"] or not due(now.mono, self._told_at, self._set["report_s"]):
            return []
        self._told_at = now.mono
        return [("report", "full", 2, {"warmth": sample.get("temp_c")})]

    def _fall(self, by):
        return [1 // by]
'''
_PROFILE = """
title = "Warmth"
number = 131
version = 0
channels = [{ name = "warmth", since = 0 }]
[records]
full = "warmth"
[channel.warmth]
title = "Warmth"
unit = "Cel"
min = -40
max = 85
step = 0.5
source = "a test"
"""
_NODE = """
[node]
board = "{board}"
app = "fragile"
profile = "warmth.toml"
[parts.housing]
driver = "{driver}"
{bus}
period_s = 120
[app]
{settings}
[uplink]
{uplink}
[policy]
deep_sleep = {deep}
[world.options]
temp_c = 18.0
rh_pct = 50.0
"""
BOARDS = {
    "pico_w": {"driver": "rp2_temp", "bus": "", "uplink": 'kind = "mqtt"', "deep": "false"},
    "xiao_esp32s3_wio_sx1262": {
        "driver": "sht4x", "bus": 'bus = "i2c.main"', "uplink": 'kind = "lorawan"\nregion = "EU868"\nconfirm = "all"', "deep": "true",
    },
}  # fmt: skip


def fragile(folder: Path, board: str = "pico_w", settings: str = "") -> Path:
    """The node's file, with its application beside it."""
    (folder / "apps").mkdir(exist_ok=True)
    (folder / "apps" / "fragile.py").write_text(_APP)
    (folder / "warmth.toml").write_text(_PROFILE)
    path = folder / "fragile.toml"
    path.write_text(_NODE.format(board=board, settings=settings, **BOARDS[board]))
    return path
