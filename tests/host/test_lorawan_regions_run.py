"""Whole nodes in every region against the bench network, and the option that names another network server."""

import json
import stat

import pytest
from lorawan_bench import BIN
from typer.testing import CliRunner

from kerbstone.build.compile import node_json
from kerbstone.build.node import load_node
from kerbstone.build.regions import names
from kerbstone.cli import app
from kerbstone.emulator.faults import fault
from kerbstone.emulator.lns import parse_lns
from kerbstone.emulator.run import run
from kerbstone.errors import FaultError, KerbstoneError

HOUR_US = 3_600_000_000
def node_file(folder, region):
    path = folder / f"bin-{region.lower()}.toml"
    path.write_text(BIN.format(region=region, confirm="all", gateway_m=300.0))
    return path


def test_every_region_loses_nothing(tmp_path):
    nodes = [load_node(str(node_file(tmp_path, region))) for region in names()]
    result = run(nodes, 3, 2 * HOUR_US)
    assert len(result.nodes) == 9
    for node in result.nodes:
        assert node.lost == 0 and node.duplicates == 0 and node.decoded >= 9, (node.name, node.decoded, node.notes)


def test_a_node_carries_its_own_region_only(tmp_path):
    table = node_json(load_node(str(node_file(tmp_path, "AS923-3"))))["uplink"]
    assert table["region"]["name"] == "AS923-3" and table["region"]["channels"][0][0] == 916_600_000
    assert "network" not in table["region"] and "groups" not in table["region"]
    assert table["radio"]["band_mhz"] == 916


def test_an_unknown_region_is_one_sentence_with_a_hint(tmp_path):
    done = CliRunner().invoke(app, ["emulate", str(node_file(tmp_path, "EU869"))])
    assert done.exit_code != 0 and isinstance(done.exception, (KerbstoneError, SystemExit))
    with pytest.raises(KerbstoneError, match="did you mean 'EU868'"):
        load_node(str(node_file(tmp_path, "EU869")))


@pytest.mark.parametrize("text", ["tcp://localhost:1700", "localhost:1700", "udp://", "udp://host:abc", "udp://no.such.host.invalid"])
def test_an_address_that_is_none_is_one_sentence(text):
    with pytest.raises(KerbstoneError, match=r"\.$"):
        parse_lns(text)


def test_a_fault_of_the_bench_network_is_refused_with_another_server(tmp_path):
    node = load_node(str(node_file(tmp_path, "EU868")))
    with pytest.raises(FaultError, match="not ours"):
        run([node], 1, HOUR_US, faults=[fault("clock_step", by_s=60)], lns=parse_lns("udp://127.0.0.1:9"))


def test_the_port_of_a_packet_forwarder_is_the_default():
    assert parse_lns("udp://127.0.0.1").address == ("127.0.0.1", 1700)


def test_the_devices_file_holds_what_a_server_needs_and_is_private(tmp_path):
    out = tmp_path / "devices.json"
    node = node_file(tmp_path, "EU868")
    done = CliRunner().invoke(app, ["emulate", str(node), "--for", "1s", "--lns", "udp://127.0.0.1:9", "--lns-devices", str(out)])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(out.read_text())
    assert row["region"] == "EU868" and len(row["app_key"]) == 32 and len(row["dev_eui"]) == 16
    assert stat.S_IMODE(out.stat().st_mode) == 0o600 and row["app_key"] not in done.output
