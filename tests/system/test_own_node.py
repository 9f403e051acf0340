"""A user's own node: driver, virtual part, application and profile beside the node file, far from this repository."""

from kerbstone.build.node import load_node
from kerbstone.emulator.run import run
from kerbstone.paths import firmware_dir

NODE = """
[node]
board = "heltec_wifi_lora_32_v3"
app = "cellar"
profile = "cellar_profile.toml"

[parts.air]
driver = "mychip"
bus = "i2c.main"
period_s = 300

[app]
every = 2

[uplink]
kind = "lorawan"

[world]
options = { temp_c = 11.5, rh_pct = 81.0 }
"""

PROFILE = """
title = "Cellar climate"
number = 200
version = 0
channels = [{ name = "air_temperature", since = 0 }, { name = "mould", since = 0 }]

[records]
full = "mould"

[channel.mould]
title = "Hours of damp air"
unit = "h"
min = 0
max = 200
step = 1
"""

APP = """
from struct import pack, unpack

DEFAULTS = {"every": 1}

class App:
    STATE_BYTES = 4

    def __init__(self, settings):
        self.every = settings.get("every", 1)
        self.count = 0

    def step(self, sample, now):
        self.count += 1
        if self.count % self.every:
            return []
        return [("report", "full", 2, {"air_temperature": sample["temp_c"], "mould": self.count})]

    def pack(self):
        return pack("<I", self.count)

    def unpack(self, data):
        (self.count,) = unpack("<I", data)
"""


def test_everything_a_user_adds_lies_beside_the_node_file(tmp_path):
    for folder in ("drivers", "parts", "apps"):
        (tmp_path / folder).mkdir()
    driver = (firmware_dir() / "kerb" / "drivers" / "sht4x.py").read_text()
    (tmp_path / "drivers" / "mychip.py").write_text(driver.replace("SHT4X", "MYCHIP"))
    (tmp_path / "parts" / "mychip.py").write_text("from kerbstone.emulator.parts.sht4x import PART\n\n__all__ = ['PART']\n")
    (tmp_path / "apps" / "cellar.py").write_text(APP)
    (tmp_path / "cellar_profile.toml").write_text(PROFILE)
    (tmp_path / "cellar.toml").write_text(NODE)
    node = run([load_node(str(tmp_path / "cellar.toml"))], 1, 6 * 3_600_000_000).nodes[0]
    assert node.notes == []
    # Every second of 72 measurements; the count grows by two a record, through deep sleep.
    assert (node.readings, node.decoded, node.lost) == (36, 36, 0)
    assert [r["values"]["mould"] for r in node.records] == list(range(2, 74, 2))
    assert all(abs(r["values"]["air_temperature"] - 11.5) < 0.6 for r in node.records)
