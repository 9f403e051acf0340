"""What a LoRaWAN module says, read on the node's interpreter: its clock against the host's calendar, damaged events of every kind."""

import json
import random
from datetime import UTC, datetime

from interpreter import micropython

CLOCK = """
import sys, json
from kerb.modem.lorawan import seconds
print(json.dumps([seconds(text) for text in json.loads(sys.stdin.readline())]))
"""
DOWN = """
import sys, json
from kerb.uplink.lorawan_at import downlink
out = [downlink(text) for text in json.loads(sys.stdin.readline())]
print(json.dumps([found and [found[0], found[1], found[2].hex()] for found in out]))
"""
KEY = """
from kerb.errors import ModemError
from kerb.modem.lorawan import Module
class Identity:
    def key(self, name):
        return b"KEY!" * (4 if name == "app_key" else 2)
class Echo:
    def ask(self, command, prefix=None, limit_ms=0):
        if "APPKEY" in command:
            raise ModemError("AT+APPKEY", "refused", "AT_" + command)  # an echo whose third character was damaged
        return []
class Store:
    def get(self, name): return None
    def put(self, name, data): raise AssertionError("the key was not written")
module = Module({"dialect": "rak3172"}, {"band": "4", "adr": "1"}, Identity(), Store())
module.at = Echo()
try:
    module._set_up()
except ModemError as error:
    print(error, repr(error), error.detail)
"""


def run(script, lines):
    return json.loads(micropython(script, json.dumps(lines) + "\n"))


def test_the_clock_is_that_of_the_calendar_and_nothing_else_is_a_time():
    rng = random.Random(4)
    moments = [rng.randrange(1_796_000_000, 4_000_000_000) for _ in range(300)]
    moments += [1_835_395_200, 1_861_919_999, 1_861_920_000]
    texts = [datetime.fromtimestamp(t, UTC).strftime("%Hh%Mm%Ss on %m/%d/%Y") for t in moments]
    assert run(CLOCK, texts) == moments
    bad = ["", "s on ", "15h08m55s on ", "25h08m55s on 08/17/2026", "15h61m55s on 08/17/2026", "15h08m55s on 17/08/2026",
           "15h08m55s on 08/17", "15:08:55 on 08/17/2026", "00h00m28s on 01/01/1970", "15h08m55s on 08/xx/2026",
           "h/m/s/ on ///"]  # fmt: skip
    for text in texts[:100]:
        at = rng.randrange(len(text))
        bad.append(text[:at] + rng.choice("xhms/ :-") + text[at + 1 :])
    for found in run(CLOCK, bad):
        assert found is None or 1_600_000_000 < found < 4_102_444_800


def test_damaged_events_are_no_downlinks_and_break_nothing():
    good = "1:-70:8:UNICAST:2:0102ff"
    assert run(DOWN, [good, "2:-107:-7:UNICAST:15:beef", "1:-70:8:UNICAST:3:"]) == [[-70, 2, "0102ff"], [-107, 15, "beef"], [-70, 3, ""]]
    bad = ["", "1", "1:::::", "1:-70:8:UNICAST:2:012", "1:-70:8:UNICAST:x:01", "1:-70:8:UNICAST:0:01", "1:-70:8:UNICAST:2:01:02",
           "1:-70:8:2:0102"]  # fmt: skip
    assert run(DOWN, bad) == [None] * len(bad)
    rng = random.Random(5)
    lines = []
    for _ in range(1000):
        text = list(good)
        for _ in range(rng.randrange(1, 4)):
            text[rng.randrange(len(text))] = chr(rng.randrange(32, 127))
        lines.append("".join(text)[: rng.randrange(1, 26)])
    for line, found in zip(lines, run(DOWN, lines), strict=True):
        assert found is None or (line.count(":") == 5 and 0 < found[1] < 256), line


def test_a_damaged_echo_of_the_key_is_in_no_error():
    said = micropython(KEY)
    assert "AT+APPKEY refused" in said and b"KEY!".hex() not in said.lower() and "KEY!" not in said
