"""What survives: store, retained record, clock, sampler rhythm, on an emulated board."""

import pytest

from bare_board import BareBoard


def run(script, mcu="esp32s3", seconds=10_000):
    with BareBoard("import machine, os, time\n" + script, mcu, firmware=True) as board:
        return board.run(seconds)


def test_a_damaged_blob_counts_as_absent():
    lines = run("""
from kerb.store import Store
s = Store()
s.put("a", b"one")
s.put("a", b"two")
print(s.get("a"), s.get("b"))
with open("/state/a", "r+b") as f:
    f.seek(5)
    f.write(b"X")
print(s.get("a"), os.listdir("/state"))
""")
    assert lines == ["b'two' None", "None ['a']"]


@pytest.mark.parametrize(
    ("mcu", "size", "on_flash"), [("esp32s3", 1900, False), ("esp32s3", 2100, True), ("rp2040", 10, False), ("rp2040", 40, True)]
)
def test_what_the_board_cannot_keep_goes_to_flash(mcu, size, on_flash):
    lines = run(f"""
from kerb.power import Power
from kerb.retained import Retained
from kerb.store import Store
store = Store()
r = Retained(Power(True), store)
warm = r.load()
print(warm, len(r.get("app") or b""), store.get("retained") is not None)
if machine.reset_cause() == 1:
    r.put("app", bytes({size}))
    r.save()
    machine.deepsleep(1000)
""", mcu, 5)
    assert lines == ["False 0 False", f"{not on_flash} {size} {on_flash}"]


def test_a_flipped_bit_in_the_retained_record_makes_a_cold_start():
    lines = run("""
from kerb.power import Power
from kerb.retained import Retained
from kerb.store import Store
r = Retained(Power(True), Store())
r.put("app", b"state")
r.save()
print(r.load())
raw = bytearray(machine.RTC().memory())
raw[7] ^= 4
machine.RTC().memory(raw)
print(r.load(), r.get("app"))
""")
    assert lines == ["True", "False None"]


def test_the_clock_keeps_utc_through_deep_sleep_and_trust_fades():
    lines = run("""
from kerb.clock import Clock, TRUST_GOOD, TRUST_NONE, TRUST_UNSURE
rtc = machine.RTC()
c = Clock(86400)
if machine.reset_cause() == 1:
    print(c.trust() == TRUST_NONE, c.now().utc, c.wants_setting())
    print(c.set(1700000000, 250, time.ticks_ms()))
    rtc.memory(c.pack())
    machine.deepsleep(3600000)
c.unpack(rtc.memory())
print(c.now().utc - 1700000000 in (3600, 3601), c.trust() == TRUST_GOOD, c.wants_setting())
time.sleep(86400 * 20)
print(c.trust() == TRUST_UNSURE, c.wants_setting(), c.utc_of(0) < 1700000000)
print(abs(c.set(1700000000 + 3600 + 86400 * 20, 0, time.ticks_ms())) < 2000)
""", seconds=86400 * 21)
    assert lines == ["True None True", "0", "True True False", "True True True", "True"]


PARTS = """
from kerb.sampler import Sampler
class P:
    def __init__(self, name, period_s, warm_up_ms, wake=None):
        self.name, self.period_s, self.warm_up_ms, self.wake = name, period_s, warm_up_ms, wake
        self.started = 0
    def start(self):
        self.started += 1
def turn(s, woken=False):
    out = []
    s.begin(time.time(), woken)
    batch = s.ready()
    while batch:
        out.append("+".join([p.name for p in batch]))
        batch = s.ready()
    return out
def live(s, seconds):
    end = time.time() + seconds
    t0 = time.time()
    while time.time() < end:
        for b in turn(s):
            print(time.time() - t0, b)
        time.sleep_ms(min(max(s.next_ms(time.time_ns() // 1000000), 1), 1000))
"""


def test_parts_due_together_are_measured_together_and_a_slow_one_alone():
    lines = run(PARTS + """
time.sleep(60)
while time.time() % 60: time.sleep_ms(10)
s = Sampler([P("gas", 10, 50), P("climate", 30, 10), P("dust", 60, 30000)])
live(s, 65)
""")
    assert lines == [
        "0 gas+climate", "10 gas", "20 gas", "30 gas+climate", "30 dust", "40 gas", "50 gas", "60 gas+climate",
    ] or sorted(lines) == sorted(["0 gas+climate", "10 gas", "20 gas", "30 dust", "30 gas+climate", "40 gas", "50 gas", "60 gas+climate"])


def test_a_part_asked_out_of_turn_falls_in_step_again_with_the_others():
    lines = run(PARTS + """
time.sleep(60)
while time.time() % 60: time.sleep_ms(10)
s = Sampler([P("water", 30, 10), P("air", 30, 10)])
live(s, 35)
s.hurry("water", time.time() + 7)
live(s, 60)
""")
    assert lines == ["0 water+air", "30 water+air", "7 water", "25 water+air", "55 water+air"]


def test_a_wake_by_pin_starts_only_the_parts_that_can_wake_the_node():
    lines = run(PARTS + """
time.sleep(10)
s = Sampler([P("mag", 3600, 20, [1, 1]), P("battery", 3600, 0)])
print(turn(s), turn(s)); time.sleep(1); print(turn(s))
kept = s.pack()
s = Sampler([P("mag", 3600, 20, [1, 1]), P("battery", 3600, 0)])
s.unpack(kept)
print(turn(s), turn(s, True), s.busy)
time.sleep_ms(30)
print(turn(s))
""")
    assert lines == ["[] []", "['mag+battery']", "[] [] True", "['mag']"]


def test_again_measures_one_part_beside_its_rhythm():
    lines = run(PARTS + """
time.sleep(10)
a = P("mag", 3600, 20)
s = Sampler([a])
turn(s); time.sleep(1); print(turn(s))
s.again("mag", 500)
print(turn(s), s.next_ms(0) <= 500)
time.sleep_ms(500)
print(turn(s), a.started, s.busy)
""")
    assert lines == ["['mag']", "[] True", "['mag'] 2 False"]
