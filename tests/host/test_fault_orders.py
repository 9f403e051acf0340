"""Orders for faults: words, scenario files, the catalogue, what is refused, and the command that repeats a run."""

import json
import subprocess
import sys

import pytest

from kerbstone.build.node import load_node
from kerbstone.emulator.faults import fault, load_scenario, read_word
from kerbstone.emulator.faults.arm import check_orders
from kerbstone.emulator.faults.catalogue import FAULTS
from kerbstone.emulator.faults.parse import word
from kerbstone.emulator.faults.repeat import command_line, failed
from kerbstone.emulator.result import NodeResult, RunResult
from kerbstone.errors import FaultError

GIVEN = {"op": 7, "part": "climate", "ppm": 40.0, "by_s": -3600.0}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_reads_back_from_the_word_it_is_written_as(name):
    needed = {p.name: GIVEN[p.name] for p in FAULTS[name].params if p.default is None}
    order = fault(name, "bins", "90m", **needed)
    assert read_word(word(order)) == order
    assert order.at_us == 5_400_000_000 and order.node == "bins"


def test_a_scenario_says_the_same_as_words(tmp_path):
    path = tmp_path / "bad_day.toml"
    path.write_text(
        '[[fault]]\nname = "i2c_nack"\nat = "3h"\nfor = "30m"\nnode = "bins"\npart = "climate"\nshare = 0.5\n\n'
        '[[fault]]\nname = "gateway_away"\nat = "5h"\n'
    )
    assert load_scenario(path) == [read_word("i2c_nack:at=3h,for=30m,node=bins,part=climate,share=0.5"), read_word("gateway_away:at=5h")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("i2c_nak:part=a", "i2c_nack"), ("i2c_nack:prt=a", "'part'"), ("i2c_nack", "needs part"), ("i2c_nack:part", "key=value"),
        ("power_cut_op:op=0", "op=0"), ("power_cut_op:op=x", "whole number"), ("power_cut:at=3", "90s"), ("radio_loss:share=1.5", "0 to 1"),
        ("power_cut:for=1h", "own end"), ("uart_noise:part=a,how=loud", "garbage"), ("power_cut:at=1h,at=2h", "twice"),
        ("power_cut_op:op=3,torn=perhaps", "true or false"), ("rtc_slip:ppm=nan", "number"),
    ],
)
def test_a_word_that_is_wrong_is_refused_with_what_would_be_right(given, said):
    with pytest.raises(FaultError) as caught:
        read_word(given)
    assert said in str(caught.value) and str(caught.value).count("\n") == 0


@pytest.mark.parametrize(
    "text", ["", "[fault]\nname='x'", "other = 1\n[[fault]]\nname = 'power_cut'", "[[fault]]\nat = '1h'", "fault = [1]"],
)
def test_a_scenario_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(FaultError, match=r"s\.toml"):
        load_scenario(tmp_path / "s.toml")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("power_cut:node=bens", "'bins'"), ("i2c_nack:part=level", "climate, tilt"), ("uart_noise:part=climate", "level"),
        ("broker_down", "MQTT"), ("sensor_frozen:part=lamp", "battery"),
    ],
)
def test_a_fault_that_strikes_nothing_is_refused_before_anything_runs(given, said):
    with pytest.raises(FaultError) as caught:
        check_orders([read_word(given)], [load_node("bins")])
    assert said in str(caught.value)


def test_a_failed_run_is_repeated_by_one_command_without_a_password():
    orders = [read_word("power_cut_op:op=7,torn=true,node=bins")]
    line = command_line(["bins", "my node.toml"], "6h", 3, orders, "mqtt://u:hunter2@host:1884")
    assert line == "kerbstone emulate bins 'my node.toml' --for 6h --seed 3 --fault power_cut_op:node=bins,op=7,torn=true --broker mqtt://host:1884"
    well, ill = NodeResult("a", "a", "a", "a", "mqtt"), NodeResult("b", "b", "b", "b", "mqtt", notes=["crash KeyError x"])
    assert failed(RunResult(1, 0, 1, [well, ill], "", 0, 0.0)) == ["b"]


def kerbstone(*words):
    # The time limit is against hanging only: runs are seconds of computing, and a busy machine has made a minute of them.
    return subprocess.run([sys.executable, "-m", "kerbstone", *words], capture_output=True, text=True, timeout=300, check=False)


def test_the_catalogue_is_listed_for_people_and_machines():
    listed = json.loads(kerbstone("faults", "--json").stdout)
    assert [f["name"] for f in listed["faults"]] == list(FAULTS)
    shown = kerbstone("faults").stdout
    assert all(f"{name}: " in shown for name in FAULTS)


def test_the_same_seed_and_faults_give_the_same_log_and_faults_stand_in_it():
    faults = ("--fault", "power_cut_op:op=9,torn=true,times=3,step=4", "--fault", "radio_loss:share=0.4")
    words = ("emulate", "bins", "--for", "2h", *faults, "--json", "-")
    runs = [json.loads(kerbstone(*words).stdout) for _ in range(2)]
    assert runs[0]["event_log_sha256"] == runs[1]["event_log_sha256"]


def test_a_wrong_fault_at_the_command_line_is_one_sentence_and_exit_code_2():
    done = kerbstone("emulate", "bins", "--for", "1h", "--fault", "broker_down")
    assert done.returncode == 2 and done.stderr.startswith("kerbstone: ") and len(done.stderr.splitlines()) == 1
