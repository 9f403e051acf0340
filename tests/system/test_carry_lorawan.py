"""Updates over LoRaWAN at a data rate that is held: fragments on port 120 to a sleeper, sessions of TS004 to a node that stays awake."""

from __future__ import annotations

import os
import random
import sys
from collections import deque
from pathlib import Path

import pytest

from carry_bench import bundle, updated
from kerbstone.build.node import load_node
from kerbstone.paths import boards_dir
from kerbstone.testing.bench import TestBench
from kerbstone.testing.node import KerbNode
from kerbstone.update.carry.lorawan import FRAG_PORT, PORT, FragSession, LorawanCarrier
from update_bench import told

DR3 = 115  # bytes of a downlink
SEEDS = range(1, 41) if os.environ.get("KERBSTONE_CAMPAIGN") == "full" else (1, 2)
AWAKE = """
[node]
board = "waveshare_rp2040_lora"
app = "bins"

[parts.climate]
driver = "sht4x"
bus = "i2c.main"
period_s = 300

[uplink]
kind = "lorawan"
class = "C"
packages = ["blocks"]

[policy]
deep_sleep = false
"""


def held_at_dr3() -> str:
    """The street bin without rate adaptation, reporting every ten minutes."""
    ready = (boards_dir() / "nodes" / "bins.toml").read_text().replace("report_s = 3600", "report_s = 600")
    return ready.replace('region = "EU868"\n', 'region = "EU868"\nadr = false\ndr = 3\n')


def lose_downlinks(bench: TestBench, node: KerbNode, share: float, seed: int) -> list[bool]:
    """From now on the node misses this share of what gateways send; the fate of each data downlink."""
    fates: dict[int, bool] = {}
    order: list[bool] = []

    def lost(tx, receiver: str) -> bool:
        if receiver != node.name or not tx.sender.startswith("gateway"):
            return False
        if tx.start_us not in fates:
            fates[tx.start_us] = random.Random(f"{seed} {tx.start_us}").random() < share
            order.append(fates[tx.start_us])
        return fates[tx.start_us]

    bench.bench.radio.channel.lost = lost
    return order


class Sender:
    """A carrier on the bench network, which hears what arrives there."""

    def __init__(self, bench: TestBench, node: KerbNode, size: int):
        self.node, self.sent, self._seen = node, 0, 0
        self._listener = bench.bench.radio.listener
        self.carrier = LorawanCarrier(self._send, size, self._forget)
        self.carrier._clock = lambda: node.clock

    def _queue(self) -> deque:
        return self.node.network.device(self.node.dev_eui).queue

    def _forget(self, device: str) -> None:
        for one in [one for one in self._queue() if one.port == PORT]:
            self._queue().remove(one)
            self.sent -= 1

    @property
    def left(self) -> int:
        """Fragments that have gone on the air."""
        return self.sent - sum(one.port == PORT for one in self._queue())

    def _send(self, device: str, piece: bytes) -> None:
        self.sent += 1
        self.node.enqueue(PORT, piece)

    def run(self, seconds: float) -> None:
        self.node.run(seconds)
        arrivals = self._listener.arrivals(self.node.name)
        for arrival in arrivals[self._seen :]:
            self.carrier.heard("bin", arrival.payload)
        self._seen = len(arrivals)


def radio_and_mcu(node: KerbNode, plain: KerbNode) -> float:
    """J at 3.6 V more than the node beside it."""
    ours, theirs = node.energy_by_part, plain.energy_by_part
    return sum(ours[part] - theirs[part] for part in ("mcu", "radio")) * 3.6 * 3.6


@pytest.mark.parametrize("seed", SEEDS)
def test_a_changed_line_reaches_a_node_at_dr3_in_twenty_fragments_though_every_fifth_is_lost(
    kerb_node: TestBench, tmp_path: Path, capsys, seed: int
):
    bin_node = updated(tmp_path, "bin", held_at_dr3())
    plain_file = tmp_path / "plain.toml"
    plain_file.write_text(held_at_dr3().split("[budget]")[0])
    node, plain = kerb_node(bin_node), kerb_node(load_node(str(plain_file)))
    made = bundle(bin_node, tmp_path)
    node.run("25m")
    fates = lose_downlinks(kerb_node, node, 0.2, seed)
    before = radio_and_mcu(node, plain)
    sender = Sender(kerb_node, node, DR3)
    sender.carrier.begin("bin", made)
    received = 0.0
    while not told(node) and node.clock < 6 * 3600:
        if f"kerb downlink {PORT}" in "\n".join(node.console):
            received = radio_and_mcu(node, plain) - before
        sender.run(5)
    installed = radio_and_mcu(node, plain) - before
    hours, left = node.clock / 3600, sender.left
    while not any(words.startswith("probation") for words in told(node)) and node.clock < 8 * 3600:
        sender.run(60)
    assert [words.split()[0] for words in told(node)] == ["installed", "probation"]
    assert sender.carrier.pace("bin") is None, "what the node said has ended it"
    downs = [line.split() for line in node.console if line.startswith(f"kerb downlink {PORT}")]
    rates = {arrival.dr for arrival in kerb_node.bench.radio.listener.arrivals(node.name)}
    assert rates == {3}, rates
    with capsys.disabled():
        print(
            f"\nDR3, seed {seed}: {len(made)} bytes, {left} fragments sent, {len(downs)} heard, {sum(fates)} of {len(fates)} "
            f"downlinks lost, installed {hours:.1f} h after power-on; reception {received:.2f} J, installation "
            f"{installed - received:.2f} J", file=sys.stderr,
        )  # fmt: skip
    assert 0 < len(downs) <= left <= 20
    assert 0 < received < installed < 20


@pytest.mark.parametrize("version", [1, 2])
def test_a_session_of_any_network_servers_fuota_hands_its_block_to_the_update(kerb_node: TestBench, tmp_path: Path, version: int):
    awake_node = updated(tmp_path, "awake", AWAKE.replace('"blocks"]', f'"blocks"]\npackage_version = {version}'))
    awake = kerb_node(awake_node)
    made = bundle(awake_node, tmp_path)
    awake.run("5m")
    key = bytes.fromhex(awake._runtime.identity.gen_app_key)
    session = FragSession(made, 51, version, key, ack=True)
    awake.enqueue(FRAG_PORT, session.setup(), confirmed=True)
    awake.run("60s")
    lose_downlinks(kerb_node, awake, 0.2, 3)
    for piece in session.data(coded=8):
        awake.enqueue(FRAG_PORT, piece)
        awake.run("10s")
    awake.run("10m")
    assert any(line.startswith("kerb block 0 4b555031") for line in awake.console), "\n".join(awake.console[-25:])
    assert told(awake)[0].startswith("installed"), "\n".join(awake.console[-25:])
    answers = [a.payload for a in kerb_node.bench.radio.listener.arrivals("awake") if a.port == FRAG_PORT]
    assert (b"\x04\x00" in answers) == (version == 2), "it says that it has the block, before it starts anew"
