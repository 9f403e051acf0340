"""The same wires under MicroPython: drivers must read from recorded bytes what they read under CPython."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mains_bench import AIR, LAMP, builder

from kerbstone.emulator.parts import bl0942, bme280, sgp41, sps30

ROOT = Path(__file__).parents[2]


@pytest.fixture
def build(monkeypatch):
    return builder(monkeypatch)


_REPLAY = """
import json, sys
import time

class Wire:
    def __init__(self, log):
        self.log = log
        self.at = 0
    def _next(self, op, out):
        entry = self.log[self.at]
        self.at += 1
        assert entry[0] == op and entry[1] == "".join("%02x" % b for b in out), (self.at, entry, op, bytes(out))
        if entry[2] is None:
            raise OSError(5)
        return bytes(int(entry[2][i:i + 2], 16) for i in range(0, len(entry[2]), 2))
    def writeto(self, addr, buf):
        self._next("write", buf)
    def readfrom_into(self, addr, buf):
        buf[:] = self._next("read", b"")
    def writeto_mem(self, addr, register, buf):
        self._next("write", bytes((register,)) + bytes(buf))
    def readfrom_mem_into(self, addr, register, buf):
        self._next("write", bytes((register,)))
        buf[:] = self._next("read", b"")
    def any(self):
        entry = self.log[self.at] if self.at < len(self.log) else ("", "", "")
        return len(entry[2]) // 2 if entry[0] == "read" else 0
    def readinto(self, buf, nbytes=None):
        got = self._next("read", b"")
        buf[:len(got)] = got
        return len(got)
    def write(self, buf):
        self._next("write", buf)

job = json.loads(sys.stdin.readline())
module = __import__("kerb.drivers." + job["driver"], None, None, ("x",))
wire = Wire(job["wire"])
it = getattr(module, job["driver"].upper())(wire, {"name": "it", "where": "here"})
it.start()
results = []
for ms in job["waits"]:
    time.sleep_ms(ms)
    results.append(dict(it.measure(job["env"])))
it.sleep()
assert wire.at == len(job["wire"]), (wire.at, len(job["wire"]))
print(json.dumps(results))
"""
_TIME = """
_now = 0
def sleep_ms(ms):
    global _now
    _now += ms
def ticks_ms():
    return _now
def ticks_diff(a, b):
    return a - b
def ticks_add(ticks, delta):
    return ticks + delta
"""


# A timer that never comes: the replay is never late.
_MACHINE = """
class Timer:
    ONE_SHOT = 0
    def __init__(self, number):
        pass
    def init(self, mode, period, callback):
        pass
    def deinit(self):
        pass
"""


@pytest.mark.parametrize(
    ("part", "site", "waits"),
    [
        (sps30.PART, AIR, [30_500, 1_500, 1_500]),
        (sgp41.PART, AIR, [9_500, 10_000, 10_000]),
        (bme280.PART, AIR, [10, 60_000, 60_000]),
        (bl0942.PART, LAMP, [0, 600_000, 600_000]),
    ],
    ids=["sps30", "sgp41", "bme280", "bl0942"],
)
def test_micropython_reads_the_same_values_from_the_same_wires(build, tmp_path, part, site, waits):
    bench, driver = build(part, site)
    env = {"rh_pct": 63.0, "temp_c": 12.5}
    it = driver()
    it.start()
    expected = []
    for ms in waits:
        bench.wait(ms * 1000)
        expected.append(dict(it.measure(env)))
    it.sleep()
    job = {"driver": part.__module__.rsplit(".", 1)[1], "wire": bench.wire, "waits": waits, "env": env}
    (tmp_path / "time.py").write_text(_TIME)
    (tmp_path / "machine.py").write_text(_MACHINE)
    found = os.environ.get("MICROPYTHON") or shutil.which("micropython") or str(Path(sys.prefix, "bin", "micropython"))
    done = subprocess.run(
        [found, "-X", "heapsize=128wk", "-c", _REPLAY],
        input=json.dumps(job) + "\n", env={**os.environ, "MICROPYPATH": f"{tmp_path}:{ROOT / 'firmware'}"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-800:] + done.stderr[-500:]
    got = json.loads(done.stdout)
    assert len(got) == len(waits)
    for ours, theirs in zip(expected, got, strict=True):
        assert theirs == pytest.approx(ours, rel=1e-9)
