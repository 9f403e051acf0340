"""`kerbstone replay`: recordings read, interpolated, played to a node, and refused with a line number."""

import json
import math
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerbstone.build.node import load_node
from kerbstone.cli.replay import replay, to_json
from kerbstone.emulator.world.recorded import Recorded, read_stays
from kerbstone.emulator.world.recording import TraceError, load
from kerbstone.emulator.world.registry import build_site

EARTH = (17.5, -4.5, -43.9)
CAR = (9.0, 14.0, -21.0)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def day(path: Path, stays: list[tuple[float, float]], end_s: int = 3600, rssi: bool = True) -> Path:
    """A bay recorded every 10 s, and five times a second while a car rolls in or out (3 s)."""
    rolls = [t for stay in stays for t in stay]
    times = sorted({float(t) for t in range(0, end_s + 1, 10)} | {round(r - 4 + k / 5, 1) for r in rolls for k in range(40)})
    lines = ["t_s,bx_ut,by_ut,bz_ut,temp_c" + (",rssi_db" if rssi else "")]
    for t in times:
        share = sum(max(0.0, min((t - a + 3) / 3, 1.0)) - max(0.0, min((t - b) / 3, 1.0)) for a, b in stays)
        field = [f"{e + share * c:.3f}" for e, c in zip(EARTH, CAR, strict=True)]
        lines.append(",".join([f"{t + 1000:.1f}", *field, "12.0"] + [f"{-90 - 12 * share:.1f}"] * rssi))
    return written(path, "\n".join(lines) + "\n")


# -- the file ----------------------------------------------------------------------------------------------------------------


def test_values_lie_on_straight_lines_between_rows_and_hold_at_the_ends(tmp_path):
    trace = load(written(tmp_path / "a.csv", "t_s,temp_c,rh_pct\n100,10,\n110,20,50\n130,0,\n"))
    assert trace.end_us == 30_000_000
    assert [trace.curves["temp_c"].read(t * 1_000_000) for t in (0, 5, 10, 20, 30, 99, 5)] == [10, 15, 20, 10, 0, 0, 15]
    assert [trace.curves["rh_pct"].read(t * 1_000_000) for t in (0, 10, 30)] == [50, 50, 50]


def test_fast_changes_are_announced_and_quiet_ones_are_not(tmp_path):
    rows = "".join(f"{t},{20 + t / 1000:.3f}\n" for t in range(0, 600, 10)) + "600,20.6\n600.2,28\n600.4,31\n" + "610,31\n620,31\n"
    trace = load(written(tmp_path / "a.csv", "t_s,bx_ut\n" + rows))
    assert trace.next_move(0) == 600_000_000
    assert trace.moving_until(599_000_000) == 599_000_000
    assert trace.moving_until(600_300_000) == 600_400_000
    assert trace.next_move(601_000_000) is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "t_s"),
        ("time,temp_c\n0,1\n", 1, "t_s"),
        ("t_s,temp_c,temp_c\n0,1,1\n", 1, "name of its own"),
        ("t_s,temp_c\n0,1\n1\n", 3, "1 values under 2 columns"),
        ("t_s,temp_c\n0,1\n\n1,two\n", 4, "'two'"),
        ("t_s,temp_c\n0,1\n1,nan\n", 3, "temp_c"),
        ("t_s,temp_c\n0,1\n1,inf\n", 3, "-90..150"),
        ("t_s,temp_c\n0,1\n0,2\n", 3, "not later"),
        ("t_s,temp_c\n5,1\n4,2\n", 3, "not later"),
        ("t_s,bx_ut\n0,1\n1,49000\n", 3, "unit"),
        ("t_s,temp_c\n0,1\n1e9,2\n", 3, "400 days"),
        ("t_s;temp_c\n0;1\n", 1, "t_s"),
        ('t_s,temp_c\n0,"1\n', 2, ""),
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_its_line(tmp_path, text, line, words):
    path = written(tmp_path / "a.csv", text)
    with pytest.raises(TraceError) as caught:
        load(path)
    message = str(caught.value)
    assert words in message and "\n" not in message
    assert message.startswith(f"{path}:{line}:") or "two lines" in message


def test_one_row_is_no_recording_and_a_missing_or_binary_file_is_said_to_be_one(tmp_path):
    for path, words in (
        (written(tmp_path / "one.csv", "t_s,temp_c\n0,1\n"), "two lines"),
        (tmp_path / "none.csv", "cannot be read"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(TraceError, match=words):
            load(path)
    (tmp_path / "b.csv").write_bytes(b"t_s,temp_c\n\xff\xfe\x00")
    with pytest.raises(TraceError, match="UTF-8"):
        load(tmp_path / "b.csv")


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(alphabet='t_s,emp\n\r"-+.0123456789einfa\0\ufeff ', max_size=300).map(str.encode)))
def test_whatever_the_file_holds_the_reader_answers_with_a_recording_or_a_sentence(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "a.csv"
    path.write_bytes(b"t_s,temp_c\n0,1\n" * (len(data) % 2) + data)
    try:
        trace = load(path)
    except TraceError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error).strip()
        return
    for curve in trace.curves.values():
        assert all(math.isfinite(curve.read(t)) for t in (0, trace.end_us // 2, trace.end_us))


# -- the site ----------------------------------------------------------------------------------------------------------------


def test_the_recorded_level_becomes_a_loss_against_the_open_link(tmp_path):
    path = day(tmp_path / "a.csv", [(600.0, 1200.0)])
    site = build_site("parking", 0, random.Random(1), {"trace": str(path)})
    assert isinstance(site, Recorded)
    assert site.extra_loss_db(100_000_000) == pytest.approx(0.0, abs=0.1)
    assert site.extra_loss_db(900_000_000) == pytest.approx(12.0, abs=0.1)
    assert site.read("bx_ut", 900_000_000) == pytest.approx(EARTH[0] + CAR[0])
    assert site.read("battery_v", 0) > 3


def test_a_site_acts_on_what_was_not_recorded_only(tmp_path):
    path = written(tmp_path / "a.csv", "t_s,level\n0,1\n60,1\n")
    site = build_site("mine", 0, random.Random(1), {"trace": str(path), "lamp": 0})
    for quantity in ("lamp", "level"):
        site.act(quantity, 7.0, 1_000_000)
    assert (site.read("lamp", 2_000_000), site.read("level", 2_000_000)) == (7.0, 1.0)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stays": 3}', '{"stays": [{"arrive_s": 1}]}',
                                  '{"stays": [{"arrive_s": "x", "leave_s": 2}]}',
                                  '{"stays": [{"arrive_s": 5, "leave_s": 2}]}', '{"stays": [{"arrive_s": Infinity, "leave_s": 2}]}',
                                  '{"stays": [{"arrive_s": 1, "leave_s": 9}, {"arrive_s": 3, "leave_s": 5}]}'])  # fmt: skip
def test_a_truth_that_is_none_is_refused(tmp_path, text):
    trace = load(written(tmp_path / "a.csv", "t_s,temp_c\n0,1\n60,1\n"))
    with pytest.raises(TraceError):
        read_stays(written(tmp_path / "a.truth.json", text), trace)


# -- the node ----------------------------------------------------------------------------------------------------------------


def test_the_parking_node_reports_every_recorded_stay_and_is_scored_against_the_truth(tmp_path):
    stays = [(900.0, 1500.0), (1800.0, 2400.0)]
    path = day(tmp_path / "a.csv", stays)
    truth = {"stays": [{"arrive_s": a + 1000, "leave_s": b + 1000, "kind": "car"} for a, b in stays]}
    written(tmp_path / "a.truth.json", json.dumps(truth))
    result, unread, duration_us = replay(load_node("parking"), path, 1)
    assert (unread, duration_us, result.lost) == ([], 3_600_000_000, 0)
    assert (result.score["happened"], result.score["f1"]) == (4, 1.0)
    assert result.score["event_delay_p95_s"] < 30
    shown = to_json(result, path, duration_us, unread)
    states = [e["values"]["state"] for e in shown["events"]]
    assert states == ["free", "occupied", "free", "occupied", "free"]
    levels = [t["rssi_dbm"] for t in result.transmissions]
    assert max(levels) - min(levels) > 9, "a car on the bay is seen by the gateway"


def test_without_a_truth_there_are_events_and_no_score_and_unknown_columns_are_named(tmp_path):
    rows = "".join(f"{t},{900 - t / 40:.1f},20,3\n" for t in range(0, 3600, 60))
    result, unread, _ = replay(load_node("bins"), written(tmp_path / "b.csv", "t_s,distance_mm,temp_c,colour\n" + rows), 1)
    assert unread == ["colour"] and result.score == {}
    got = [r["values"]["distance_mm"] for r in sorted(result.records, key=lambda r: r["sample_us"])]
    assert got[0] == pytest.approx(900, abs=30) and got[-1] < got[0]
