"""Signs of life, last will, and what a broker keeps for a node that is away: against Mosquitto."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mqtt_bench as bench
from kerbstone.listen import topics
from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.mqtt import MqttListener

STATUS = topics.status("kerb", "dev1")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[bench.Mosquitto]:
    broker = bench.Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


class Watch:
    """Hears the status topic."""

    def __init__(self, port: int):
        self.heard: queue.Queue[tuple[str, bool]] = queue.Queue()
        self._client = BrokerAddress("127.0.0.1", port).new_client("watch", clean=True)
        self._client.on_message = lambda _client, _data, message: self.heard.put((message.payload.decode(), bool(message.retain)))
        self._client.on_connect = lambda client, *_: client.subscribe(STATUS, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def next(self, seconds: float = 5.0) -> tuple[str, bool]:
        return self.heard.get(timeout=seconds)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def once(port: int, job: str = "attempt", **config: Any) -> Any:
    return bench.run(port, job, config=config)


def test_a_node_that_vanishes_is_offline_by_its_will_and_the_word_is_kept(mosquitto: bench.Mosquitto) -> None:
    with Watch(mosquitto.port) as watch:
        assert once(mosquitto.port, presence=True)["send"] == "receipt"  # its process ends without a goodbye
        assert [watch.next()[0], watch.next()[0]] == ["online", "offline"]
    with Watch(mosquitto.port) as late:
        assert late.next() == ("offline", True)


def test_a_node_that_leaves_says_so_itself(mosquitto: bench.Mosquitto) -> None:
    with Watch(mosquitto.port) as watch:
        bench.run(mosquitto.port, "burst", config={"presence": True, "link": "burst"}, count=1)
        assert [watch.next()[0], watch.next()[0]] == ["online", "offline"]


def test_without_presence_nothing_is_said(mosquitto: bench.Mosquitto) -> None:
    with Watch(mosquitto.port) as watch:
        assert once(mosquitto.port)["send"] == "receipt"
        with pytest.raises(queue.Empty):
            watch.next(0.3)


@pytest.mark.parametrize(("session", "kept"), [("persistent", 1), ("clean", 0)])
def test_commands_wait_for_a_node_with_a_persistent_session_alone(mosquitto: bench.Mosquitto, session: str, kept: int) -> None:
    # From the second connection on the subscription is certain to be there.
    bench.run(mosquitto.port, "burst", config={"session": session, "link": "burst"}, count=2)
    with MqttListener(BrokerAddress("127.0.0.1", mosquitto.port)) as ear:
        ear.command("dev1", b"lamp 30")
    result = bench.run(mosquitto.port, "commands", config={"session": session, "link": "burst"}, count=1, ms=600)
    assert len(result["commands"]) == kept
