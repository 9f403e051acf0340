"""`kerbstone energy`: figures that add up, a drawing, and exit code 1 with one sentence beyond the budget."""

import json
import re
from xml.etree import ElementTree

import pytest
from test_command_errors import kerbstone, refused

from kerbstone.build.node import load_node
from kerbstone.emulator.run import run
from kerbstone.energy.account import account
from kerbstone.paths import boards_dir

DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def bins():
    node = load_node("bins")
    return account(node, run([node], 1, DAY_US))


@pytest.mark.parametrize("name", ["parking", "bins"])
def test_a_ready_node_keeps_its_budget_for_a_day(nodes, name):
    spec = load_node(name).spec
    assert nodes[name].mah_per_day <= spec.budget.mah_per_day
    assert not [note for note in nodes[name].notes if "budget" in note]


def test_consumers_and_wakes_each_add_up_to_the_day(bins):
    assert sum(d.mah_per_day for d in bins.draws) == pytest.approx(bins.mah_per_day)
    assert sum(d.share for d in bins.draws) == pytest.approx(1.0)
    assert sum(w.mah_per_day for w in bins.wakes) == pytest.approx(bins.mah_per_day)


def test_a_wake_that_sends_costs_more_than_one_that_does_not(bins):
    cost = {(w.cause, w.uplink): w for w in bins.wakes}
    assert cost["timer", True].mc_each > cost["timer", False].mc_each > cost["sleep", False].mc_each
    assert cost["timer", False].count + cost["timer", True].count == 143


def test_json_and_drawing_say_the_same_and_a_short_run_is_not_judged(tmp_path):
    plot = tmp_path / "bins.svg"
    done = kerbstone("energy", "bins", "--for", "2h", "--json", "--plot", str(plot))
    assert done.returncode == 0, done.stderr
    assert "not judged" in done.stderr
    found = json.loads(done.stdout)
    drawn = ElementTree.parse(plot).getroot()
    text = " ".join(t.text or "" for t in drawn.iter("{http://www.w3.org/2000/svg}text"))
    assert all(draw["consumer"] in text for draw in found["draws"])
    assert f"{found['life_years']:.1f} years" in text


def test_beyond_its_budget_the_command_exits_1_and_emulate_notes_it(tmp_path):
    text = (boards_dir() / "nodes" / "parking.toml").read_text()
    (tmp_path / "mine.toml").write_text(re.sub(r"mah_per_day = \S+", "mah_per_day = 0.5", text))
    done = kerbstone("energy", str(tmp_path / "mine.toml"))
    assert done.returncode == 1, done.stderr
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith("kerbstone: mine draws ") and "budget" in sentence
    assert "Assumed:" in done.stdout
    assert "mine: mine draws" in kerbstone("emulate", str(tmp_path / "mine.toml")).stdout


def test_a_plot_that_cannot_be_written_is_refused_before_anything_runs(tmp_path):
    refused(kerbstone("energy", "parking", "--plot", str(tmp_path / "no" / "a.svg")))
    refused(kerbstone("energy", "parking", "--plot", str(tmp_path / "a.bmp")))


def test_an_unknown_node_is_refused():
    assert "'parking'" in refused(kerbstone("energy", "parkin"))
