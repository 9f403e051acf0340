"""The MQTT uplink under the real interpreter against real brokers: nothing lost, nothing twice without saying so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mqtt_bench as bench
from kerbstone.listen.broker import BrokerAddress, EmbeddedBroker
from kerbstone.listen.mqtt import MqttListener


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[bench.Mosquitto]:
    broker = bench.Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(params=["embedded", "mosquitto"])
def port(request: pytest.FixtureRequest) -> int:
    broker: Any = request.getfixturevalue(request.param)
    return broker.address.port if request.param == "embedded" else broker.port


def listener(port: int) -> MqttListener:
    return MqttListener(BrokerAddress("127.0.0.1", port))


def numbers(count: int) -> list[bytes]:
    return [b"%d" % n for n in range(count)]


def assert_whole_and_honest(payloads: list[bytes], count: int) -> None:
    """Every number came, and at most once without the R of a repeat."""
    plain = Counter(p for p in payloads if not p.startswith(b"R"))
    assert {p.lstrip(b"R") for p in payloads} == set(numbers(count))
    assert max(plain.values()) == 1


def test_200_frames_arrive_once_and_in_order(port: int) -> None:
    with listener(port) as ear:
        result = bench.run(port, "send_many", count=200)
        assert ear.wait_quiet({"dev1": 200}, 5, settle_s=0.2) == {}
        assert [a.payload for a in ear.arrivals()] == numbers(200)
    assert result["sent"] == 200 and result["nones"] == 0


def test_mosquitto_restarted_under_way_loses_nothing_and_repeats_say_so(mosquitto: bench.Mosquitto) -> None:
    with listener(mosquitto.port) as ear, bench.Wire(mosquitto.port) as wire:
        device = bench.start("device.py", {"port": wire.port, "job": "send_many", "count": 200, "pace_ms": 5})
        assert ear.wait_quiet({"dev1": 60}, 10) == {}
        mosquitto.stop()
        mosquitto.start()
        result = bench.finish(device)
        assert ear.wait_quiet({"dev1": 200}, 10, settle_s=0.2) == {}
        payloads = [a.payload for a in ear.arrivals() if not a.dup]
        assert result["sent"] == 200
        assert_whole_and_honest(payloads, 200)
        ids = [(packet_id, payload) for dup, packet_id, payload in wire.publishes() if not dup]
        assert len(set(ids)) == len(ids), "a packet was sent again without DUP"


def test_embedded_broker_killed_under_way_loses_nothing_and_repeats_say_so(embedded: EmbeddedBroker) -> None:
    with listener(embedded.address.port) as ear, bench.Wire(embedded.address.port) as wire:
        device = bench.start("device.py", {"port": wire.port, "job": "send_many", "count": 200, "pace_ms": 5})
        assert ear.wait_quiet({"dev1": 60}, 10) == {}
        # amqtt acknowledges before it hands on, and forgets its sessions: what it took must be out before it is killed.
        wire.cut()
        ear.wait_quiet({"dev1": 1}, 1, settle_s=0.3)
        embedded.kill()
        embedded.start()
        assert ear.wait_listening(5)
        wire.mend()
        assert bench.finish(device)["sent"] == 200
        ear.wait_quiet({"dev1": 200}, 5, settle_s=0.2)
        assert_whole_and_honest([a.payload for a in ear.arrivals() if not a.dup], 200)


def test_lost_puback_is_answered_by_one_repeat_with_dup_and_the_same_packet_id(port: int) -> None:
    with listener(port) as ear, bench.Wire(port, swallow=3) as wire:
        result = bench.run(wire.port, "send_many", count=10)
        assert ear.wait_quiet({"dev1": 11}, 5, settle_s=0.2) == {}
        sent = wire.publishes()
        assert [payload for dup, _, payload in sent if dup] == [b"R3"]
        first = next(i for i, s in enumerate(sent) if s[2] == b"3")
        assert sent[first + 1] == (True, sent[first][1], b"R3")
        assert [a.payload for a in ear.arrivals()] == [*numbers(4), b"R3", *numbers(10)[4:]]
    assert result["nones"] == 0


def test_three_wakes_of_a_burst_node_keep_counting_packet_ids_and_subscribe_once(port: int) -> None:
    with listener(port) as ear, bench.Wire(port) as wire:
        bench.run(wire.port, "burst", config={"link": "burst"})
        assert ear.wait_quiet({"dev1": 3}, 5) == {}
        wire.wait_ended()
        kinds = [first >> 4 for first, _ in wire.sent]
    assert kinds == [1, 8, 3, 14, 1, 3, 14, 1, 3, 14]
    assert [packet_id for _, packet_id, _ in wire.publishes()] == [2, 3, 4]


def test_commands_sent_while_the_device_slept_reach_it(port: int) -> None:
    with listener(port) as ear:
        bench.run(port, "send_many", count=1, config={"link": "burst"})
        ear.command("dev1", b"dim 50")
        ear.command("dev1", b"dim 70")
        result = bench.run(port, "commands", count=2, ms=5000, config={"link": "burst"})
    assert result["commands"] == [["kerb/dev1/down", "dim 50"], ["kerb/dev1/down", "dim 70"]]


@pytest.mark.parametrize("send", [False, True])
def test_more_commands_than_fit_come_in_order_and_once(mosquitto: bench.Mosquitto, send: bool) -> None:
    with listener(mosquitto.port) as ear:
        bench.run(mosquitto.port, "send_many", count=1)
        for n in range(19):
            ear.command("dev1", b"%d" % n)
        result = bench.run(mosquitto.port, "commands", count=19, ms=5000, send=send)
    assert [text for _, text in result["commands"]] == [str(n) for n in range(19)]


def test_a_command_too_long_for_the_buffer_is_dropped_and_never_blocks_the_next(port: int) -> None:
    with listener(port) as ear:
        bench.run(port, "send_many", count=1)
        ear.command("dev1", b"x" * 5000)
        ear.command("dev1", b"next")
        assert bench.run(port, "commands", count=1, ms=30_000)["commands"] == [["kerb/dev1/down", "next"]]
        ear.command("dev1", b"last")
        assert bench.run(port, "commands", count=1, ms=30_000)["commands"] == [["kerb/dev1/down", "last"]]


def test_a_hundred_frames_leave_no_heap_behind(embedded: EmbeddedBroker) -> None:
    result = bench.run(embedded.address.port, "heap")
    assert result["grown"] <= 64
