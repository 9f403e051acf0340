"""A node with a modem under faults: the same seed is the same log, and every second and every record is accounted for."""

from kerbstone.build.node import load_node
from kerbstone.emulator.faults import fault
from kerbstone.emulator.run import run
from kerbstone.paths import boards_dir

HOUR_US = 3_600_000_000
FAULTS = [
    fault("modem_noise", at="20m", lasts="90m", share=0.002), fault("cell_loss", share=0.2), fault("modem_reboot", at="30m", every="50m"),
    fault("cell_away", at="130m", lasts="20m"), fault("power_cut", at="100m"),
]  # fmt: skip


def bin_node(folder):
    """The ready bin with a report every 20 minutes."""
    text = (boards_dir() / "nodes" / "bins_nbiot.toml").read_text().replace("report_s = 14400", "report_s = 1200")
    path = folder / "bin.toml"
    path.write_text(text)
    return load_node(str(path))


def test_the_same_seed_is_the_same_log_whatever_the_modem_suffers(tmp_path):
    node = bin_node(tmp_path)
    first, second = (run([node], 3, 3 * HOUR_US, faults=FAULTS) for _ in range(2))
    assert first.event_log_sha256 == second.event_log_sha256 and first.events == second.events
    (bin_,) = first.nodes
    assert bin_.lost == 0 and bin_.decoded >= 5
    assert bin_.readings == bin_.decoded + bin_.waiting + bin_.gap
    assert sum(bin_.time_us["modem"].values()) == 3 * HOUR_US


def test_a_test_bench_has_a_server_behind_the_cell_and_its_troubles(kerb_node, tmp_path):
    node = kerb_node(bin_node(tmp_path))
    node.run("10m")
    assert [r["record"] for r in node.records] == ["full"]
    kerb_node.strike("cell_away", lasts="25m")
    node.run("20m")
    assert len(node.records) == 1
    node.run("1h")  # what a short outage cost is no more than what the node may spend at once
    assert len(node.records) >= 4
    node.assert_nothing_lost()
