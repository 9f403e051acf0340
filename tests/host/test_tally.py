"""The tally compares contents: what was lost, came twice, or came again and said so."""

from kerbstone.build.node import load_node
from kerbstone.codec.encode import encode
from kerbstone.codec.layout import Quality, Trust
from kerbstone.codec.profile import load_profile
from kerbstone.emulator.cell import NodeTrace
from kerbstone.emulator.console import read
from kerbstone.emulator.tally import Arrival, tally

START = 1_775_174_400
HOUR_US = 3_600_000_000
PARKING = load_profile("parking")


def frame(state, trust=Trust.LIVE, stamp=None, repeat=False, seq=0):
    return encode(PARKING, "state", {"state": state, "cause": "event"}, Quality.GOOD, trust, stamp=stamp, repeat=repeat, seq=seq)


def result(tmp_path, console, arrivals):
    path = tmp_path / "console"
    path.write_text("".join(f"kerb {line}\n" for line in console))
    truth = {"series": {"occupied": [[0, 0]]}, "events": []}
    trace = NodeTrace("parking", "x", 1, {"mcu": {"active": 3.6e6}}, {"mcu": {"active": HOUR_US}}, truth, read(path))
    return tally(load_node("parking"), trace, arrivals, START, 24 * HOUR_US)


def put(name, payload):
    return f"put {name}t {payload.hex()}"


def test_a_receipted_record_that_never_arrived_is_lost(tmp_path):
    a, b = frame("occupied"), frame("free")
    got = result(tmp_path, [put("1", a), "receipt 1t", put("2", b), "receipt 2t"], [Arrival(HOUR_US, a)])
    assert (got.readings, got.decoded, got.lost, got.waiting) == (2, 1, 1, 0)
    assert b.hex() in got.notes[0]


def test_a_record_without_receipt_still_waits(tmp_path):
    a = frame("occupied")
    got = result(tmp_path, [put("1", a)], [])
    assert (got.readings, got.decoded, got.lost, got.waiting) == (1, 0, 0, 1)


def test_one_changed_bit_is_a_loss_not_a_success(tmp_path):
    got = result(tmp_path, [put("1", frame("occupied")), "receipt 1t"], [Arrival(HOUR_US, frame("free"))])
    assert got.lost == 1


def test_the_same_message_twice_without_a_word_is_a_duplicate(tmp_path):
    a = frame("occupied")
    got = result(tmp_path, [put("1", a), "receipt 1t"], [Arrival(HOUR_US, a), Arrival(HOUR_US + 2_000_000, a)])
    assert (got.decoded, got.duplicates, got.repeats) == (1, 1, 0)


def test_a_repeat_that_says_so_is_counted_apart(tmp_path):
    a = frame("occupied")
    again = frame("occupied", Trust.STAMPED, START + 3600, True)
    got = result(tmp_path, [put("1", a), "receipt 1t"], [Arrival(HOUR_US, a), Arrival(2 * HOUR_US, again)])
    assert (got.decoded, got.duplicates, got.repeats, got.lost) == (1, 0, 1, 0)


def test_a_marked_repeat_that_is_the_first_to_arrive_counts_as_the_record(tmp_path):
    again = frame("occupied", Trust.UNSURE, 0, True)
    got = result(tmp_path, [put("1", frame("occupied")), "receipt 1t"], [Arrival(2 * HOUR_US, again)])
    assert (got.decoded, got.repeats, got.lost) == (1, 0, 0)


def test_the_same_state_an_hour_later_is_another_record(tmp_path):
    a = frame("occupied")
    got = result(tmp_path, [put("1", a), "receipt 1t", put("2", a), "receipt 2t"], [Arrival(HOUR_US, a), Arrival(2 * HOUR_US, a)])
    assert (got.decoded, got.duplicates, got.lost) == (2, 0, 0)


def test_a_payload_that_does_not_decode_is_noted(tmp_path):
    got = result(tmp_path, [], [Arrival(HOUR_US, b"\xff")])
    assert got.decoded == 0 and "not decoded" in got.notes[0]


def test_charge_becomes_milliampere_hours_a_day(tmp_path):
    assert result(tmp_path, [], []).mah_per_day == 1.0
