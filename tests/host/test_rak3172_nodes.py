"""Whole nodes behind a RAK3172: a day without loss, faults of the module, keys that are written once and seen nowhere."""

import pytest

from kerbstone.build.check import check
from kerbstone.build.compile import node_json
from kerbstone.build.node import load_node
from kerbstone.chip.bench import transplant
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.cell import CellOrder, run_cell
from kerbstone.emulator.identity import mint
from kerbstone.emulator.run import START_UTC
from kerbstone.emulator.tally import tally
from kerbstone.errors import NodeFileError

HOUR_US = 3_600_000_000
NODE = """
[node]
board = "firebeetle2_esp32e"
app = "bins"
[parts.level]
driver = "hc_sr04"
period_s = 600
trig_pin = 25
echo_pin = 26
[app]
report_s = 600
[uplink]
kind = "lorawan"
region = "EU868"
confirm = "all"
module = "rak3172"
bus = "uart.main"
[world]
gateway_m = 450.0
"""


def node(folder, text=NODE):
    path = folder / "far-bin.toml"
    path.write_text(text)
    return load_node(str(path))


def lived(folder, hours, text=NODE):
    one = node(folder, text)
    duration_us = hours * HOUR_US
    cell = run_cell(CellOrder([one], 9, START_UTC, duration_us, {}), lambda share: None)
    return tally(one, cell.nodes[0], cell.nodes[0].delivered, START_UTC, duration_us), cell


def test_a_day_loses_nothing_and_the_key_is_written_once_and_seen_nowhere(tmp_path):
    done, cell = lived(tmp_path, 24)
    assert (done.lost, done.duplicates, done.waiting) == (0, 0, 0) and done.decoded >= 140, done.notes
    written = [event[3]["key"] for event in cell.events if event[2] == "module_set"]
    assert written.count("APPKEY") == 1 and len(written) < 12, written
    key = mint(9, "far-bin").app_key
    assert key not in repr(cell.events).lower() and key not in repr(done).lower()


def test_the_clock_of_the_node_is_right_to_the_second(tmp_path):
    with Bench(9, START_UTC, {}, None) as bench:
        runtime = bench.add(node(tmp_path), ())
        bench.start()
        bench.kernel.at(0, runtime.device.power_on)
        bench.run(HOUR_US // 2)
        runtime.device.stop()
        told = [line.split() for line in runtime.console.read_text().splitlines() if line.startswith("kerb clock")]
        sent = [(at + frame["us"]) / 1e6 for at, name, kind, frame in bench.kernel.log.events if (name, kind) == ("far-bin", "on_air")]
    assert told
    for line in told:
        learnt = int(line[2]) - START_UTC
        # The answer comes a second after some uplink; the module's own clock is then read at the change of its seconds.
        assert any(1 <= learnt - end <= 4 for end in sent), (learnt, sent)


@pytest.mark.parametrize(("fault", "arrives"), [("garbage", 15), ("reboot", 15), ("late", 15), ("silent", 0)])
def test_a_module_in_trouble_loses_nothing(tmp_path, fault, arrives):
    done, _ = lived(tmp_path, 4, NODE + f'[world.parts.module]\nfault = "{fault}"\n')
    assert (done.lost, done.duplicates) == (0, 0) and done.decoded >= arrives and done.readings >= 23, (done.decoded, done.notes)
    assert not [note for note in done.notes if "crash" in note]


@pytest.mark.parametrize("fault", ["", "hangs"])
def test_a_module_on_an_rp2040_that_sleeps_lightly_is_reset_when_it_hangs(tmp_path, fault):
    text = NODE.replace("firebeetle2_esp32e", "pico").replace("= 25", "= 10").replace("= 26", "= 11")
    text = text.replace('bus = "uart.main"', 'bus = "uart.main"\nmodule_reset_pin = 5') + "[policy]\ndeep_sleep = false\n"
    done, _ = lived(tmp_path, 3, text + f'[world.parts.module]\nfault = "{fault}"\n')
    assert (done.lost, done.duplicates) == (0, 0) and done.decoded >= 16, done.notes


def test_on_the_bench_chip_the_module_keeps_its_uart_and_gets_a_reset_pin_that_is_free(tmp_path):
    moved = transplant(node(tmp_path, NODE.replace('bus = "uart.main"', 'bus = "uart.main"\nmodule_reset_pin = 4')))
    check(moved)
    module = node_json(moved)["uplink"]["module"]
    assert (module["id"], module["tx"], module["rx"]) == (0, 0, 1) and module["reset"] not in (0, 1, 4)


def test_a_fixed_plan_takes_the_sub_band_of_the_network(tmp_path):
    assert node_json(node(tmp_path, NODE.replace("EU868", "US915")))["uplink"]["module"]["mask"] == "0002"
    table = node_json(node(tmp_path))["uplink"]
    assert table["kind"] == "lorawan_at" and "radio" not in table and "mask" not in table["module"]
    assert table["module"] == {"dialect": "rak3172", "id": 2, "tx": 17, "rx": 16}


@pytest.mark.parametrize(
    ("change", "words"),
    [(('bus = "uart.main"', ""), "it has uart.main"), (('bus = "uart.main"', 'bus = "uart.man"'), "'uart.man' is no UART"),
     (('module = "rak3172"', ""), "belong to a module"), (('module = "rak3172"', 'module = "rak4200"'), "rak3172"),
     (('bus = "uart.main"', 'bus = "uart.main"\nmodule_reset_pin = 17'), "GPIO17")],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_one_sentence(tmp_path, change, words):
    with pytest.raises(NodeFileError, match=words) as said:
        lived(tmp_path, 1, NODE.replace(*change))
    assert str(said.value).count("\n") == 0
