"""The report page: one self-contained, well-formed file that shows what the result says."""

import random
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kerbstone.emulator.result import NodeResult, RunResult
from kerbstone.emulator.score import score_node
from kerbstone.emulator.world.registry import SITES, build_site
from kerbstone.report import svg
from kerbstone.report.page import MOST_DRAWN, duration, render, score_label
from kerbstone.report.panels import intervals, panels
from kerbstone.report.svg import Span, axis_for, thin

S = 1_000_000
DAY = 86_400 * S
START = 1_772_323_200
VOID = {"meta", "br"}
CHANNELS = {  # channel: how a faithful node would fill it
    "parking": {"state": lambda s, t: "occupied" if s.occupied(t) else "free", "temperature": lambda s, t: s.read("temp_c", t)},
    "bins": {"fill": lambda s, t: s.fill_pct(t), "temperature": lambda s, t: s.read("temp_c", t), "alarms": lambda s, t: []},
    "air": {
        "pm2_5": lambda s, t: s.read("pm25_ug", t),
        "air_temperature": lambda s, t: s.read("temp_c", t),
        "humidity": lambda s, t: s.read("rh_pct", t),
        "voc_index": lambda s, t: 100,
        "nox_index": lambda s, t: 1,
    },
    "light": {"level": lambda s, t: 100, "power_w": lambda s, t: s.read("lamp_power_w", t), "energy_kwh": lambda s, t: s.energy_kwh(0, t)},
    "terminal": {name: lambda s, t, name=name: s.read(name, t) for name in ("power_w", "level_m", "pressure_bar", "door")},
}


def node(app, span_us, every_us, name=None):
    """A node that reports the truth every `every_us`."""
    site = build_site(app, START, random.Random(1), {})
    records = [
        {"t_us": t, "sample_us": t, "record": "full", "quality": "good", "trust": "live", "repeat": False}
        | {"values": {channel: value(site, t) for channel, value in CHANNELS[app].items()}}
        for t in range(0, span_us, every_us)
    ]
    rate = 5 if app in ("parking", "bins") else None
    sent = [{"t_us": r["t_us"], "bytes": 9, "dr": rate, "rssi_dbm": None, "kind": "data"} for r in records]
    charge = {"mcu": {"deep sleep": 1e6, "run": 2e6}, "radio": {"tx": 5e5}}
    result = NodeResult(name or f"{app}-1", app, app, "board", "lorawan", readings=len(records), decoded=len(records), charge_uas=charge)
    result.records, result.transmissions, result.truth = records, sent, site.truth(0, span_us)
    result.score = score_node(result, span_us)
    return result


def run(nodes, span_us):
    return RunResult(1, START, span_us, nodes, "ab" * 32, 10, 1.5)


@pytest.fixture(scope="module")
def week():
    return render(run([node(app, 7 * DAY, 600 * S) for app in SITES], 7 * DAY))


class Balance(HTMLParser):
    """Fails on a tag that closes nothing; collects text and ids."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in ("path", "rect")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(page):
    balance = Balance()
    balance.feed(page)
    balance.close()
    assert balance.open == []
    return balance


def drawings(page):
    return [ET.fromstring(text) for text in re.findall(r"<svg .*?</svg>", page, re.S)]


def test_the_page_asks_nobody_for_anything(week):
    assert not re.search(r"://|\bsrc=|@import|url\(|<link|<iframe|fetch\(|XMLHttpRequest", week)
    assert set(re.findall(r'href="([^"]*)"', week)) <= {f"#n{i}" for i in range(len(SITES))}


def test_every_tag_is_closed_and_every_id_is_unique(week):
    ids = parsed(week).ids
    assert len(ids) == len(set(ids))


def test_every_drawing_is_well_formed_xml_with_a_title_and_a_description(week):
    found = drawings(week)
    assert len(found) >= 15
    for drawing in found:
        title, description = drawing.find("title"), drawing.find("desc")
        assert title.text and description.text
        assert drawing.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_every_coordinate_lies_inside_its_drawing(week):
    for drawing in drawings(week):
        for path in drawing.iter("path"):
            for command, numbers in re.findall(r"([MLHV])([-\d. ]+)", path.get("d")):
                values = list(map(float, numbers.split()))
                xs = values if command == "H" else [] if command == "V" else values[::2]
                ys = values if command == "V" else [] if command == "H" else values[1::2]
                assert all(0 <= x <= 1000 for x in xs) and all(-0.1 <= y <= 100.1 for y in ys)


def test_a_week_of_four_nodes_stays_below_a_megabyte_and_a_half(week):
    assert len(week.encode()) < 1_500_000


def test_a_dense_week_stays_small_too():
    page = render(run([node(app, 7 * DAY, 60 * S) for app in ("air", "light")], 7 * DAY))
    assert len(page.encode()) < 1_500_000


@pytest.mark.parametrize("app", sorted(SITES))
def test_truth_and_report_of_each_application_are_both_drawn(app):
    found = panels(node(app, 2 * DAY, 900 * S), Span(START, 2 * DAY))
    classes = [path.get("class") for chart in found for path in ET.fromstring(f"<g>{chart.content}</g>").iter("path")]
    assert any("truth" in css for css in classes) and any("told" in css for css in classes)


def test_names_notes_and_scores_are_escaped():
    evil = '<script>alert("x")</script>&'
    bad = node("parking", DAY, 3600 * S, name=evil)
    bad.board = bad.uplink = bad.profile = evil
    bad.notes, bad.score[evil], bad.charge_uas[evil] = [evil], 1.0, {evil: 5.0}
    bad.transmissions[0]["kind"] = evil
    page = render(run([bad], DAY))
    assert page.count("<script>") == 1 and "alert(&quot;x&quot;)" in page
    parsed(page)
    assert drawings(page)


@pytest.mark.parametrize("span_us", [0, 1, S, 90 * S])
@pytest.mark.parametrize("app", sorted(SITES))
def test_a_short_or_empty_run_still_makes_a_page(app, span_us):
    page = render(run([node(app, span_us, 30 * S)], span_us))
    parsed(page)
    drawings(page)


def test_a_run_without_nodes_or_with_an_unknown_application_still_makes_a_page():
    assert "no nodes" in render(run([], DAY))
    own = NodeResult("tide-1", "tide", "tide", "board", "mqtt", truth={"series": {"level_mm": [[0, 5.0], [DAY, 9.0]]}})
    own.records = [{"t_us": S, "sample_us": S, "values": {"level_mm": 6, "gate": "open", "flags": [], "none": None}}]
    page = render(run([own], DAY))
    parsed(page)
    assert "level_mm" in page and "Nothing was transmitted" in page


def test_a_fleet_is_listed_whole_and_drawn_in_part():
    nodes = [NodeResult(f"bay-{i}", "parking", "parking", "board", "lorawan") for i in range(200)]
    page = render(run(nodes, DAY))
    assert all(f"bay-{i}<" in page for i in range(200))
    assert page.count('class="sheet node"') == MOST_DRAWN and f"{200 - MOST_DRAWN} more nodes" in page


def test_lost_and_duplicate_records_are_marked_by_more_than_colour():
    good, bad = node("bins", DAY, 3600 * S), node("bins", DAY, 3600 * S)
    bad.lost, bad.duplicates = 3, 1
    assert 'class="card bad"' not in render(run([good], DAY))
    page = render(run([good, bad], DAY))
    assert page.count('class="card bad"') == 4 and '::after{content:" !"}' in page


def test_the_page_is_the_same_for_the_same_result():
    one = run([node("bins", DAY, 3600 * S)], DAY)
    assert render(one) == render(one)


def test_the_readout_script_is_valid_javascript():
    quickjs = pytest.importorskip("quickjs")
    page = render(run([], DAY))
    script = re.search(r"<script>(.*)</script>", page, re.S).group(1)
    quickjs.Context().eval(f"(function () {{{script}}})")


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(-1e3, 1e3)), max_size=3000), st.integers(2, 60))
def test_thinning_keeps_extremes_order_and_a_bounded_count(points, columns):
    points = sorted(points)
    kept = thin(points, Span(0, 10_000), columns)
    assert len(kept) <= max(2 * columns, 4 * (columns + 2))
    assert [p[0] for p in kept] == sorted(p[0] for p in kept) and set(kept) <= set(points)
    if points:
        assert max(p[1] for p in kept) == max(p[1] for p in points) and min(p[1] for p in kept) == min(p[1] for p in points)


@given(st.lists(st.floats(-1e6, 1e6), max_size=20))
@example([0.0, 5e-324])
@example([5e-324, -4.0])
def test_an_axis_holds_its_values_between_round_ticks(values):
    axis = axis_for(values)
    assert axis.low <= min(values, default=0) + 1e-9 and max(values, default=0) <= axis.high + 1e-9
    assert 2 <= len(axis.ticks) <= 7 and len({round(b - a, 9) for a, b in pairwise(axis.ticks)}) == 1
    assert axis.low - 1e-9 <= axis.ticks[0] and axis.ticks[-1] <= axis.high + 1e-9


@given(st.integers(0, 4_000_000_000), st.integers(1, 400 * 86_400))
def test_time_labels_are_few_inside_and_at_round_times(start, seconds):
    ticks = Span(start, seconds * S).ticks()
    assert len(ticks) <= 9 and all(0 <= x <= 1000 for x, _ in ticks)
    if seconds >= 600:
        assert ticks


def test_midnights_carry_the_date_and_other_labels_the_hour():
    assert [text for _, text in Span(START, 7 * DAY).ticks()][:2] == ["Sun 1 Mar", "Mon 2 Mar"]
    assert [text for _, text in Span(START, DAY).ticks()] == [
        *("Sun 1 Mar", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "Mon 2 Mar"),
    ]


def test_a_gap_breaks_a_line_and_an_interval_ends_where_the_next_value_begins():
    span, axis = Span(0, 100), axis_for([0, 1])
    assert svg.line([[0, 0.0], [10, float("nan")], [20, 1.0], [30, 1.0]], span, axis, "x", "x").count("M") == 2
    assert intervals([[0, 1.0], [10, 0.0], [30, 1.0]], 1.0, 100) == [(0, 10), (30, 100)]
    assert intervals([[0, float("nan")], [10, 0.0]], float("nan"), 100) == [(0, 10)]


def test_durations_and_score_names_read_like_words():
    assert [duration(us) for us in (0, 61 * S, 3600 * S, DAY, 7 * DAY + 3600 * S)] == ["0 s", "1 min 1 s", "1 h", "1 day", "7 days 1 h"]
    assert score_label("fill_error_p95_pct") == ("fill error p95", "%")
    assert score_label("pm2_5_error_mean_ug_m3") == ("PM2.5 error mean", "µg/m³")
    assert score_label("recall") == ("recall", "")
