"""Outbox and delivery on an emulated board: what is forgotten, what is kept, what is said of a repeat."""

from bare_board import BareBoard
from kerb import delivery
from kerbstone.codec import decode, load_profile

FAKE = """
import machine, os, time
from kerb import delivery, outbox
from kerb.clock import Clock
from kerb.policy import Policy
from kerb.way import Way
from kerb.uplink.receipt import Receipt

class Air:
    mtu = 51
    def __init__(self, plan):
        self.plan = list(plan)     # per send: True acknowledged, False not, None could not send, "cut" reset before the answer
        self.got = []
        self.up = True
    def connect(self): return self.up
    def retry_after_s(self): return 0
    def ask_time(self): pass
    def take_time(self): return None
    def receive(self): return None
    def send(self, frame, priority, confirmed, again):
        print("air", frame.hex(), priority, confirmed)
        answer = self.plan.pop(0) if self.plan else True
        if answer == "cut":
            machine.reset()
        return None if answer is None else Receipt(answer, 0)

class Bearer:
    idle = tends = False
    def due_ms(self): return None
    def __init__(self, uplink): self.uplink = uplink

def make(plan, clock=None, confirm="all", limit=500, link="burst", **policy):
    box = outbox.Outbox(limit)
    air = Air(plan)
    air.way = Way(Bearer(air), {"kind": "air", "confirm": confirm, "link": link})
    way = delivery.Delivery(box, [air.way], clock or Clock(), Policy(policy))
    return box, air, way
"""


def run(script, seconds=8000):
    with BareBoard(FAKE + script, firmware=True) as board:
        return board.run(seconds)


def test_a_record_is_sent_live_and_forgotten_only_after_its_receipt():
    lines = run("""
box, air, way = make([True])
way.store(b"\\x10\\x02\\xaa", 1)
print(os.listdir("/outbox"))
way.run()
print(os.listdir("/outbox"))
""")
    assert [x for x in lines if not x.startswith("kerb")] == ["['100000000t']", "air 1002aa 1 True", "[]"]


def test_without_a_receipt_the_record_stays_and_the_next_try_says_that_it_is_a_repeat():
    lines = run("""
clock = Clock()
clock.set(1700000000, 0, time.ticks_ms())
box, air, way = make([False, True], clock)
way.store(b"\\x10\\x02\\xaa", 1)
way.run()
print(len(box), air.way.retry_at > 0)
time.sleep(60)
way.run()
print(len(box))
""")
    sent = [x.split()[1] for x in lines if x.startswith("air")]
    assert sent[0] == "1002aa"
    # Time 1 (stamped) in the status nibble, the second of sampling, and the repeat bit with number 0.
    assert sent[1] == "1012aa" + (1700000000).to_bytes(4, "big").hex() + "80"
    assert [x for x in lines if not x.startswith(("air", "kerb"))] == ["1 True", "0"]


def test_a_reset_between_sending_and_receipt_leads_to_a_repeat_that_says_so():
    lines = run("""
if machine.reset_cause() == 1:
    box, air, way = make(["cut"])
    way.store(b"\\x10\\x02\\xaa", 1)
    way.run()
else:
    box, air, way = make([True])
    way.epoch = 1
    way.run()
    print(len(box))
""")
    sent = [x.split()[1] for x in lines if x.startswith("air")]
    # The clock was never set: stamp 0, unsure, but marked.
    assert sent == ["1002aa", "1022aa" + "00000000" + "80"]
    assert lines[-1] == "0"


def test_a_record_that_could_not_leave_is_not_called_a_repeat():
    lines = run("""
clock = Clock()
clock.set(1700000000, 0, time.ticks_ms())
box, air, way = make([True], clock)
air.up = False
way.store(b"\\x10\\x02\\xaa", 1)
way.run()
air.up = True
time.sleep(3600)
way.run()
""")
    sent = [x.split()[1] for x in lines if x.startswith("air")]
    assert sent == ["1012aa" + (1700000000).to_bytes(4, "big").hex() + "00"]


def test_alarms_leave_first_then_the_oldest():
    lines = run("""
box, air, way = make([])
air.up = False
for priority, byte in ((2, 1), (1, 2), (2, 3), (0, 4)):
    way.store(bytes([16, 0, byte]), priority)
air.up = True
way.run()
""")
    assert [x.split()[2] + x.split()[1][4:6] for x in lines if x.startswith("air")] == ["004", "102", "201", "203"]


def test_a_full_outbox_gives_up_the_oldest_of_the_least_urgent_and_says_so():
    lines = run("""
box, air, way = make([], limit=3)
air.up = False
for priority, byte in ((2, 1), (0, 2), (2, 3), (1, 4)):
    way.store(bytes([16, 0, byte]), priority)
print(box.names())
""")
    assert "kerb drop 200000000t" in lines
    assert "kerb put 000000003g e00000000040" in lines
    assert lines[-1] == "['000000001t', '000000003g', '100000004t', '200000002t']"


def test_the_gap_marker_counts_on_until_it_leaves_and_a_new_one_counts_what_goes_after():
    lines = run("""
box, air, way = make([True, False], limit=3)
air.up = False
for i in range(5):
    way.store(bytes([16, 0, i]), 2)
print(box.names())
air.up = True
air.way.retry_at = 0
way.run()
air.up = False
for i in range(3):
    way.store(bytes([16, 0, i]), 1)
print(box.names())
""")
    told = [line for line in lines if line.startswith("[")]
    assert told[0] == "['000000003g', '200000002t', '200000004t', '200000005t']"
    assert next(line.split()[1] for line in lines if line.startswith("air")) == "e00000000080"
    assert told[1].count("g'") == 1 and [line for line in lines if line.startswith("kerb put 0")][-1].endswith(" e000000000c0")


def test_the_gap_message_is_what_the_catalogue_says():
    for gap in ((0, 0, 0), (1, 2, 3), (1022, 0, 1022), (5000, 65535, 7)):
        decoded = decode(load_profile("node"), delivery.gap_frame((*gap, 99)))
        assert list(decoded.values.values()) == [min(count, 1022) for count in gap] and decoded.record == "gap"


def test_a_reading_that_waited_too_long_is_counted_and_not_sent():
    lines = run("""
box, air, way = make([])
way.keep_s = 3600
air.up = False
way.store(b"\\x10\\x00\\x01", 2)
way.store(b"\\x10\\x00\\x02", 1)
time.sleep(3700)
way.store(b"\\x10\\x00\\x03", 2)
air.up = True
air.way.retry_at = 0
way.run()
way.run()
print(box.names())
""")
    sent = [line.split()[1] for line in lines if line.startswith("air")]
    assert [frame[:6] for frame in sent] == ["103002", "100003", "e00000"] and sent[-1] == "e00000000040"
    assert lines[-1] == "[]"


def test_routine_records_need_no_acknowledgement_when_the_policy_says_events():
    lines = run("""
box, air, way = make([False, False], confirm="events")
way.store(b"\\x10\\x00\\x01", 2)
way.run()
print(len(box))
""")
    assert lines[-1] == "0" and "air 100001 2 False" in lines


def test_a_damaged_record_is_dropped_and_the_rest_goes_on():
    lines = run("""
box, air, way = make([])
air.up = False
way.store(b"\\x10\\x00\\x01", 2)
way.store(b"\\x10\\x00\\x02", 2)
with open("/outbox/200000000t", "r+b") as f:
    f.seek(6)
    f.write(b"\\xff")
air.up = True
way.run()
print(len(box))
""")
    assert [x.split()[1] for x in lines if x.startswith("air")] == ["100002"]
    assert lines[-1] == "0"


def test_the_pause_after_failures_grows_and_survives_sleep():
    lines = run("""
box, air, way = make([])
air.up = False
way.store(b"\\x10\\x00\\x01", 2)
last = 0
for i in range(4):
    way.run()
    now = time.time()
    print(air.way.retry_at - now)
    kept = way.pack()
    air.way = Way(Bearer(air), {"confirm": "all"})
    way = delivery.Delivery(box, [air.way], Clock(), Policy())
    way.unpack(kept)
    time.sleep(air.way.retry_at - now)
""")
    assert [x for x in lines if not x.startswith(("air", "kerb"))] == ["30", "60", "120", "300"]


def test_a_time_server_that_never_answers_is_asked_every_ten_minutes_and_not_in_a_loop():
    lines = run("""
asked = [0]
box, air, way = make([], link="hold")
def ask():
    asked[0] += 1
air.ask_time = ask
end = time.time() + 3600
turns = 0
while time.time() < end:
    way.run()
    turns += 1
    time.sleep_ms(max(way.next_ms(time.time_ns() // 1000000), 1))
print(asked[0], turns < 20)
""")
    assert lines[-1] == "6 True"
