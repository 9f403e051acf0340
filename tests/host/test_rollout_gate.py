"""Rings, gate, reports and fragments of a roll-out, without clocks, files or networks."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerb.tell import HEALTH, HEALTH_BITS, frame
from kerb.update import report
from kerbstone.errors import UpdateError
from kerbstone.update.rollout import gate as gates
from kerbstone.update.rollout import model, rings
from kerbstone.update.rollout.courier import Courier
from kerbstone.update.rollout.follow import Follower
from kerbstone.update.rollout.gate import Gate, judge, standing, worse
from kerbstone.update.rollout.model import Device
from update_bench import Receiver

HOUR = 3600
NOW = 1_000_000
GATE = Gate()
FINE = {"mode": "normal", "crashes": 0, "resets_other": 1, "resets_power": 1, "failing_parts": 0, "battery_v": 3.6}


def device(state: str, hours_ago: float = 1.0, **more: object) -> Device:
    at = int(NOW - hours_ago * HOUR)
    return Device("d", 0, state, offered_s=at, heard_s=NOW, **more)  # type: ignore[arg-type]


# -- rings ----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(count=st.integers(1, 700), shares=st.lists(st.integers(1, 99_999), unique=True, max_size=4), salt=st.binary(max_size=8))
def test_rings_take_every_device_once_grow_as_asked_and_are_the_same_at_each_call(count: int, shares: list[int], salt: bytes):
    words = [f"{share / 1000:g}%" for share in sorted(shares)] + ["100%"]
    devices = [f"KS-{n}" for n in range(count)]
    try:
        found = rings.assign(devices, rings.labels(",".join(words)), salt)
    except UpdateError:
        assert shares and -(-count * max(shares) // 100_000) + len(shares) >= count, "the rings before the last took every device"
        return
    assert found.keys() == set(devices) and found == rings.assign(devices[::-1], words, salt)
    upto = 0
    for ring, share in enumerate([*sorted(shares), 100_000]):
        here = list(found.values()).count(ring)
        upto += here
        assert here >= 1 and upto >= count * share / 100_000 and (upto - 1 < count * share / 100_000 or here == 1)


def test_named_rings_come_first_and_count_towards_the_shares_behind_them():
    found = rings.assign([f"d{n}" for n in range(100)], ["canary", "10%", "100%"], b"", {"canary": ["d3", "d4"]})
    assert [list(found.values()).count(ring) for ring in range(3)] == [2, 8, 90] and found["d3"] == found["d4"] == 0
    assert rings.assign([f"d{n}" for n in range(100)], ["10%"], b"1") != rings.assign([f"d{n}" for n in range(100)], ["10%"], b"2")


@pytest.mark.parametrize("text", ["", "0%", "10%,10%", "20%,10%", "101%", "10%,canary.txt", "1%,,100%", "x%", "-1%", "1e2%", "nan%"])
def test_what_is_no_ring_gets_a_sentence(text: str):
    with pytest.raises(UpdateError, match=r"no ring: |Ring "):
        rings.labels(text)


@settings(deadline=None, max_examples=60)
@given(text=st.text("0123456789.%, abc", max_size=20))
def test_any_text_is_rings_or_one_sentence(text: str):
    try:
        assert rings.labels(text)
    except UpdateError as error:
        assert str(error).endswith(".") and "\n" not in str(error)


@pytest.mark.parametrize("text, word", [
    ("a\na\n", "names a twice"), ("a b\n", "no device id"), ("x" * 65, "no device id"), ("a/b", "no device id"),
])
def test_a_file_of_ids_names_each_once_and_only_ids(tmp_path: Path, text: str, word: str):
    path = tmp_path / "ids.txt"
    path.write_text(text)
    with pytest.raises(UpdateError, match=word):
        rings.read_ids(path)
    path.write_bytes(b"\xff")
    with pytest.raises(UpdateError, match="is no text"):
        rings.read_ids(path)
    path.write_text("# bins\n\nKS-1  # the first\nKS-2\n")
    assert rings.read_ids(path) == ["KS-1", "KS-2"]


@pytest.mark.parametrize("named, word", [(["nobody"], "not among"), (["d1", "d1"], "another ring")])
def test_named_devices_must_be_there_once(named: list[str], word: str):
    with pytest.raises(UpdateError, match=word):
        rings.assign(["d1", "d2"], ["canary", "100%"], b"", {"canary": named})


# -- gate -----------------------------------------------------------------------------------------------------

STATES = st.sampled_from([model.WAITING, *model.UNDER_WAY, model.CONFIRMED, *model.FAILED])
DEVICES = st.builds(device, STATES, st.floats(0, 100))
GATES = st.builds(Gate, share=st.floats(0.01, 1), failures=st.floats(0, 0.99), within_s=st.integers(HOUR, 100 * HOUR))


@settings(deadline=None, max_examples=60)
@given(ring=st.lists(DEVICES, min_size=1, max_size=30), gate=GATES)
def test_a_gate_opens_only_when_enough_are_confirmed_and_breaks_only_when_more_failed_than_may(ring: list[Device], gate: Gate):
    found = judge(ring, gate, NOW, 0)
    states = [standing(one, gate, NOW, 0)[0] for one in ring]
    failed = sum(state in (*model.FAILED, gates.SILENT, gates.LATE, gates.UNWELL) for state in states)
    good = states.count(model.CONFIRMED)
    assert (found.state == gates.BROKEN) == (failed > gate.failures * len(ring) + 1e-9)
    assert (found.state == gates.OPEN) == (found.state != gates.BROKEN and good + 1e-9 >= gate.share * len(ring))
    assert str(len(ring)) in found.why


@settings(deadline=None, max_examples=60)
@given(ring=st.lists(DEVICES, min_size=1, max_size=30), gate=GATES, data=st.data())
def test_one_more_failure_never_opens_a_gate_and_never_mends_one(ring: list[Device], gate: Gate, data: st.DataObject):
    rank = {gates.BROKEN: 0, gates.CLOSED: 1, gates.OPEN: 2}
    before = judge(ring, gate, NOW, 0)
    at = data.draw(st.integers(0, len(ring) - 1))
    worse_ring = [*ring[:at], replace(ring[at], state=model.REVERTED, reason="crash"), *ring[at + 1 :]]
    assert rank[judge(worse_ring, gate, NOW, 0).state] <= rank[before.state]


@pytest.mark.parametrize("change, word", [
    ({"crashes": 1}, "1 crashes"), ({"resets_other": 6}, "5 resets"), ({"resets_power": 3}, "2 power failures"),
    ({"failing_parts": 1}, "1 parts fail"), ({"battery_v": 3.4}, "battery -0.20 V"), ({"mode": "safe"}, "safe mode"),
    ({"resets_other": 5}, ""), ({"resets_power": 2}, ""), ({"battery_v": 3.52}, ""), ({"battery_v": None}, ""), ({}, ""),
])
def test_health_that_became_worse_makes_a_confirmed_device_unwell(change: dict[str, object], word: str):
    assert worse(FINE, FINE | change, GATE) == word
    one = device(model.CONFIRMED, before=FINE, after=FINE | change)
    assert standing(one, GATE, NOW, 0) == ((gates.UNWELL, word) if word else (model.CONFIRMED, ""))
    assert judge([one], GATE, NOW, 0).state == (gates.BROKEN if word else gates.OPEN)


def test_a_device_that_was_failing_before_is_not_held_against_the_update():
    bad = FINE | {"failing_parts": 2, "crashes": 9, "battery_v": 2.9}
    assert worse(bad, bad, GATE) == "" and worse(None, bad, GATE) == "" and worse(FINE, None, GATE) == ""


def test_a_device_without_a_word_is_silent_but_not_while_nobody_listened():
    dead = Device("d", 0, model.OFFERED, offered_s=NOW - 13 * HOUR, heard_s=NOW - 13 * HOUR)
    assert standing(dead, GATE, NOW, 0)[0] == gates.SILENT and judge([dead], GATE, NOW, 0).state == gates.BROKEN
    assert standing(dead, GATE, NOW, NOW - HOUR)[0] == model.OFFERED
    assert standing(device(model.TRIAL, 100), GATE, NOW, 0)[0] == gates.LATE
    died_later = replace(dead, state=model.CONFIRMED)
    assert standing(died_later, GATE, NOW, 0)[0] == gates.SILENT, "confirmed, and dead since"


# -- reports --------------------------------------------------------------------------------------------------

DATA = bytes(range(256)) * 20
SHA = hashlib.sha256(DATA).hexdigest()
BUNDLE = int(SHA[:4], 16) % 65535


def told(state: str, reason: str = "none", number: int | None = 7, piece: tuple[int, int, int] | None = None) -> bytes:
    return report.message(state, reason, number, piece)


def test_a_device_is_followed_from_offer_to_confirmation_and_reports_that_come_late_take_nothing_back():
    follower, one = Follower(SHA, 7, 12, False), Device("d", 0)
    assert not follower.hear(one, told("trial"), 5) and one.state == model.WAITING, "it was offered nothing"
    one.state = model.OFFERED
    steps = [told("receiving", number=None, piece=(BUNDLE, 3, 12)), told("trial"), told("probation"), told("confirmed")]
    for frame_, state in zip(steps, [model.RECEIVING, model.TRIAL, model.PROBATION, model.CONFIRMED], strict=True):
        assert follower.hear(one, frame_, 10) and one.state == state
    for frame_ in [*steps, told("refused", "replayed")]:
        follower.hear(one, frame_, 11)
        assert (one.state, one.fragments, one.heard_s) == (model.CONFIRMED, 3, 11)
    assert follower.hear(one, told("reverted", "crash"), 12) and (one.state, one.reason) == (model.REVERTED, "crash")
    assert not follower.hear(one, told("confirmed"), 13)


def test_reports_of_other_updates_and_frames_that_are_none_change_nothing_but_that_it_was_heard():
    follower, one = Follower(SHA, 7, 12, False), Device("d", 0, model.OFFERED)
    others = [told("refused", "key", 8), told("refused", "form", None, (BUNDLE ^ 1, 1, 1)), b"", b"\0\5x", bytes([0x20, 0, 0xA8])]
    for frame_ in others:
        assert not follower.hear(one, frame_, 9) and one.state == model.OFFERED
    assert one.heard_s == 9
    assert follower.hear(one, told("refused", "signature", None, (BUNDLE, 12, 12)), 9) and one.reason == "signature"


@settings(deadline=None, max_examples=60)
@given(payload=st.binary(max_size=40))
def test_no_frame_of_a_device_breaks_the_follower(payload: bytes):
    one = Device("d", 0, model.OFFERED)
    Follower(SHA, 7, 12, True).hear(one, payload, 9)
    assert one.heard_s == 9


def test_health_is_kept_apart_before_and_after():
    follower, one = Follower(SHA, 7, 12, False), Device("d", 0, model.OFFERED)

    def health(crashes: int) -> bytes:
        return frame(HEALTH, HEALTH_BITS, (0, 0, 1, 1, crashes, 0, 0, 0, None, 40, 0, 0, 40))

    batch = b"\0" + b"".join(bytes([len(m)]) + m for m in (health(1), told("receiving", "none", None, (BUNDLE, 1, 12))))
    assert follower.hear(one, batch, 9) and follower.hear(one, told("trial"), 9) and follower.hear(one, health(3), 9)
    assert one.before and one.after and (one.before["crashes"], one.after["crashes"]) == (1, 3)
    assert worse(one.before, one.after, GATE) == "2 crashes"


# -- fragments ------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(size=st.integers(20, 60), drops=st.sets(st.integers(0, 400), max_size=60), restart=st.integers(0, 300))
def test_a_large_bundle_arrives_whole_whatever_is_lost_and_when_the_sender_starts_anew(size: int, drops: set[int], restart: int):
    courier = Courier(DATA, size, patience_s=600)
    follower = Follower(SHA, 7, courier.count, courier.in_order)
    one, inbox = Device("d", 0, model.OFFERED), Receiver(BUNDLE, courier.count)
    sent = 0
    for now in range(0, 600 * 500, 100):
        on_the_way = 0
        while (fragment := courier.next(one, now)) is not None:
            on_the_way += 1
            assert on_the_way <= courier.count // 4 + 2, "no more at once than to the next report"
            if sent not in drops and (said := inbox.take(fragment)):
                follower.hear(one, said, now)
                on_the_way = 0
            sent += 1
            if sent == restart:
                courier = Courier(DATA, size, patience_s=600)
        if inbox.had == inbox.wanted:
            break
    assert inbox.had == inbox.wanted
    # A loss costs what was on the way, and when a second one follows it, as much again of what lies behind.
    assert sent <= courier.count + 2 * (len(drops) + 2) * (courier.count // 4 + 2)


def test_a_device_that_has_more_than_it_is_known_to_is_found_there():
    """Its reports reached a run that was killed before it wrote them down, and it says nothing twice of what it has."""
    courier = Courier(DATA, 60, patience_s=600)
    follower = Follower(SHA, 7, courier.count, courier.in_order)
    for had in range(1, courier.count):
        one, inbox = Device("d", 0, model.RECEIVING, fragments=1, sent=2), Receiver(BUNDLE, courier.count)
        inbox.had = inbox.said = had
        courier = Courier(DATA, 60, patience_s=600)
        for now in range(0, 600 * 20, 100):
            while (fragment := courier.next(one, now)) is not None:
                if said := inbox.take(fragment):
                    follower.hear(one, said, now)
        assert inbox.had == inbox.wanted, had


def test_of_a_small_bundle_coded_fragments_follow_when_nothing_is_heard_and_none_while_it_is():
    courier = Courier(DATA[:400], 60, patience_s=600)
    one = Device("d", 0, model.OFFERED)
    first = [courier.next(one, 0) for _ in range(20)]
    numbers = [int.from_bytes(f[6:8], "big") for f in first if f]
    assert not courier.in_order and numbers == list(range(1, courier.count + 1))
    assert courier.next(one, 599) is None
    more = courier.next(one, 601)
    assert more and int.from_bytes(more[6:8], "big") == courier.count + 1
    one.state = model.TRIAL
    assert courier.next(one, 10_000) is None
