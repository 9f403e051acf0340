"""Mosquitto killed, restarted with and without its sessions, slow and half-open under emulated nodes: nothing is lost, nothing is twice.

By default two virtual days; KERBSTONE_CAMPAIGN=full makes it the week, for a node that holds its connection and for one that sleeps.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from lived import changed

import mqtt_bench
from kerbstone.build.node import MqttTable, load_node
from kerbstone.emulator.arrivals import match, published
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.cell import trace
from kerbstone.emulator.faults import fault
from kerbstone.emulator.result import NodeResult
from kerbstone.emulator.run import START_UTC
from kerbstone.emulator.tally import tally
from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.mqtt import MqttListener

FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
HOUR_US = 3_600_000_000
UNIT_H = 24 if FULL else 6  # of the story below

SLEEPER = """
[node]
board = "heltec_wifi_lora_32_v3"
app = "bins"
[parts.climate]
driver = "sht4x"
bus = "i2c.main"
period_s = 1800
[app]
report_s = 1800
[uplink]
kind = "mqtt"
link = "burst"
[delivery]
batch = true
"""


# When Mosquitto goes, for how long (units of the story), whether it is killed, and whether it forgets its sessions.
DOWN = ((1.0, 0.2, True, False), (2.0, 0.2, False, False), (3.0, 0.3, False, True), (6.0, 0.01, True, True))


class Story:
    """A week of a broker; the virtual clock stands still while the real one is handled."""

    def __init__(self, mosquitto: mqtt_bench.Mosquitto, listener: MqttListener, delivered: Callable[[], int], device: str):
        self._mosquitto = mosquitto
        self._listener = listener
        self._delivered = delivered
        self._device = device
        self.restarts = 0

    def down(self, kill: bool, forget: bool) -> Callable[[], None]:
        def act() -> None:
            # What the broker acknowledged and did not yet pass on would be its loss, not ours.
            assert self._listener.wait_quiet({self._device: self._delivered()}, 10) == {}
            (self._mosquitto.kill if kill else self._mosquitto.stop)()
            if forget:
                self._mosquitto.forget()

        return act

    def up(self) -> None:
        self._mosquitto.start()
        assert self._listener.wait_listening(10)
        self.restarts += 1


def lived(folder: Path, node_path: str, mosquitto: mqtt_bench.Mosquitto) -> tuple[NodeResult, Story]:
    node = load_node(node_path)
    table = node.spec.uplink
    assert isinstance(table, MqttTable)
    address = BrokerAddress("127.0.0.1", mosquitto.port)
    with MqttListener(address) as listener, Bench(3, START_UTC, {table.broker: ("127.0.0.1", mosquitto.port)}) as bench:
        runtime = bench.add(node)
        kernel = bench.kernel
        device = runtime.identity.device_id
        story = Story(mosquitto, listener, lambda: len({(p, t) for t, p, _ in published(kernel.log.events, node.name)}), device)
        for at, lasts, kill, forget in DOWN:
            kernel.at(int(at * UNIT_H * HOUR_US), story.down(kill, forget))
            kernel.at(int((at + lasts) * UNIT_H * HOUR_US), story.up)
        hour = f"{UNIT_H // 6}h"
        bench.arm([
            fault("broker_slow", at=f"{4 * UNIT_H}h", lasts=hour, by="20s"), fault("broker_half_open", at=f"{5 * UNIT_H}h", lasts=hour),
            fault("broker_deaf", at=f"{5 * UNIT_H + UNIT_H // 2}h", lasts="20m"),
        ])  # fmt: skip
        runtime.device.power_on()
        end = 7 * UNIT_H * HOUR_US + HOUR_US
        bench.run(end)
        seen = trace(runtime, bench.radio, end)
        arrivals = match(listener, device, published(kernel.log.events, node.name))
        return tally(node, seen, arrivals, START_UTC, end), story


@pytest.mark.parametrize("kind", ["sleeper", "holder"])
def test_nothing_is_lost_over_a_week_of_a_broker_in_trouble(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sleeper.toml"
    path.write_text(SLEEPER)
    if kind == "holder":
        path = changed("light", tmp_path, (r"(?m)^period_s = (60|300)$", "period_s = 900")).file.path
    mosquitto = mqtt_bench.Mosquitto(tmp_path)
    mosquitto.start()
    try:
        result, story = lived(tmp_path, str(path), mosquitto)
    finally:
        mosquitto.stop()
    print(kind, result.readings, result.decoded, result.repeats, result.receipt)
    assert story.restarts == 4
    assert (result.lost, result.duplicates, result.gap) == (0, 0, 0), result.notes
    assert result.decoded + result.waiting == result.readings and result.waiting <= 1
    assert result.receipt["longest_s"] > 600, "no trouble reached the node"
