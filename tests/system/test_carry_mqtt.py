"""Updates over MQTT, through a real Mosquitto to emulated Wi-Fi nodes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from carry_bench import bundle, joules, reported, updated
from kerbstone.build.node import Node
from kerbstone.listen.broker import BrokerAddress
from kerbstone.paths import boards_dir
from kerbstone.testing.bench import TestBench
from kerbstone.testing.node import KerbNode
from kerbstone.update.carry.mqtt import MqttCarrier
from kerbstone.update.fragments import Parcel
from mqtt_bench import Mosquitto
from update_bench import told

UPLINK = '\n[uplink]\nkind = "mqtt"\nlink = "burst"\nstatic_ip = ["10.0.0.9", "255.255.255.0", "10.0.0.1", "10.0.0.1"]\n'


def text() -> str:
    """The street bin with Wi-Fi, reporting every ten minutes."""
    ready = (boards_dir() / "nodes" / "bins.toml").read_text().replace("report_s = 3600", "report_s = 600")
    return ready.split("[uplink]")[0] + UPLINK


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    (tmp_path / "mosquitto").mkdir()
    broker = Mosquitto(tmp_path / "mosquitto")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def bench(mosquitto: Mosquitto) -> Iterator[TestBench]:
    bench = TestBench(lambda: BrokerAddress("127.0.0.1", mosquitto.port))
    yield bench
    bench.close()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return updated(tmp_path, "wifi", text())


def test_a_bundle_of_more_fragments_than_fit_the_window_arrives_in_order(bench: TestBench, mosquitto: Mosquitto, node: Node,
                                                                       tmp_path: Path, capsys):
    plain, wifi = bench(updated(tmp_path, "plain", text())), bench(node)
    device = wifi._runtime.identity.device_id
    made = bundle(node, tmp_path, ballast=40_000)
    wifi.run("5m")
    with MqttCarrier(BrokerAddress("127.0.0.1", mosquitto.port)) as carrier:
        carrier.begin(device, made)
        wakes = 0
        while carrier.pace(device) and wakes < 12:
            wifi.run("10m")
            time.sleep(0.2)
            wakes += 1
    assert told(wifi)[0] == "installed 1 " and 1 <= wakes <= 3
    wifi.assert_nothing_lost()
    with capsys.disabled():
        print(f"\nMQTT: {len(made)} bytes, {Parcel(made, 480).count} fragments, {wakes} wakes, {joules(wifi, plain, 3.6):.1f} J more; "
              f"{reported(wifi)}", file=sys.stderr)


def until_some_came(wifi: KerbNode, least: int) -> int:
    while (came := sum(line.startswith("kerb downlink") for line in wifi.console)) < least:
        wifi.run(0.2)
    return came


def test_a_lost_connection_a_week_without_power_and_a_sender_that_forgot_cost_nothing_that_came(
    bench: TestBench, mosquitto: Mosquitto, node: Node, tmp_path: Path
):
    wifi = bench(node)
    device = wifi._runtime.identity.device_id
    made = bundle(node, tmp_path, ballast=60_000)
    count = Parcel(made, 480).count
    address = BrokerAddress("127.0.0.1", mosquitto.port)
    wifi.run("5m")
    with MqttCarrier(address) as carrier:
        carrier.begin(device, made)
    until_some_came(wifi, 10)
    bench.strike("wifi_away", lasts="3m")
    wifi.run("12m")
    until_some_came(wifi, 30)
    wifi.power_cut(off_s=7 * 86400)
    assert not told(wifi)
    mosquitto.stop()
    mosquitto.forget()
    mosquitto.start()
    wifi.run("7d")
    sent: list[int] = []
    with MqttCarrier(address) as carrier:
        spied(carrier, sent)
        carrier._clock = lambda: wifi.clock
        carrier.begin(device, made)
        assert sent == list(range(1, 65)), "this sender knows nothing, and this broker nothing of the device"
        for _ in range(12):
            wifi.run("10m")
            time.sleep(0.1)
            if not carrier.pace(device):
                break
    assert told(wifi)[0] == "installed 1 ", (told(wifi), reported(wifi), sent)
    again = sent[64:]
    assert again[:16] == sent[:16], "the device was heard twice and said nothing"
    assert again[16:] == list(range(min(again[16:]), count + 1)) and min(again[16:]) > 16


def spied(carrier: MqttCarrier, sent: list[int], lost: int = 0) -> None:
    """Notes the number of each fragment that leaves; the first of number `lost` does not."""
    sending = carrier._send

    def send(to: str, piece: bytes) -> None:
        number = int.from_bytes(piece[6:8], "big")
        sent.append(number)
        if number != lost or sent.count(number) > 1:
            sending(to, piece)

    carrier._send = send  # type: ignore[method-assign]


def test_one_fragment_lost_behind_the_broker_is_sent_again_from_there(bench: TestBench, mosquitto: Mosquitto, node: Node, tmp_path: Path):
    """A node acknowledges before it writes: what a power cut between the two loses, the sender learns from the next report."""
    wifi = bench(node)
    device = wifi._runtime.identity.device_id
    made = bundle(node, tmp_path, ballast=35_000)
    wifi.run("5m")
    with MqttCarrier(BrokerAddress("127.0.0.1", mosquitto.port)) as carrier:
        sent: list[int] = []
        spied(carrier, sent, 40)
        carrier.begin(device, made)
        for _ in range(6):
            wifi.run("10m")
            time.sleep(0.1)
            if not carrier.pace(device):
                break
    assert told(wifi)[0] == "installed 1 ", (told(wifi), reported(wifi))
    assert sent.count(39) == 1 and sent.count(40) == 2
