"""Updates over MQTT, through a real Mosquitto to emulated Wi-Fi nodes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from carry_bench import bundle, joules, reported, told, updated
from kerbstone.build.node import Node
from kerbstone.listen.broker import BrokerAddress
from kerbstone.paths import boards_dir
from kerbstone.testing.bench import TestBench
from kerbstone.update.carry.mqtt import MqttCarrier
from kerbstone.update.fragments import Parcel
from mqtt_bench import Mosquitto

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


def heard(carrier: MqttCarrier, device: str, had: int) -> None:
    """Waits, in real time, until the sender has heard how far the device is."""
    end = time.monotonic() + 5
    while (pace := carrier.pace(device)) and pace.had < had and time.monotonic() < end:
        time.sleep(0.01)


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
    print(wifi.console[-60:])
    assert told(wifi)[0] == "installed 1 "
    with capsys.disabled():
        print(f"\nMQTT: {len(made)} bytes, {Parcel(made, 480).count} fragments, {wakes} wakes, {joules(wifi, plain, 3.6):.1f} J more; "
              f"{reported(wifi)}", file=sys.stderr)
