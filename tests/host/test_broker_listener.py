"""The embedded broker, broker addresses, and the listener: starts fast, ends clean, loses nothing over a restart."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import paho.mqtt.client as paho
import pytest

from kerbstone.errors import BrokerError
from kerbstone.listen import topics
from kerbstone.listen.broker import BrokerAddress, EmbeddedBroker, check
from kerbstone.listen.mqtt import MqttListener


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def deaf() -> Iterator[int]:
    """The port of a server that lets everyone connect and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def device(broker: EmbeddedBroker, name: str, clean: bool = False) -> paho.Client:
    client = broker.address.new_client(name, clean)
    client.connect(broker.address.host, broker.address.port)
    client.loop_start()
    return client


def publish(client: paho.Client, name: str, payloads: list[bytes]) -> None:
    for payload in payloads:
        client.publish(f"kerb/{name}/up", payload, 1).wait_for_publish(5)


def hang_up(client: paho.Client) -> None:
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize(
    ("text", "host", "port", "user", "password"),
    [
        ("mqtt://city.example", "city.example", 1883, None, None),
        ("city.example:1884", "city.example", 1884, None, None),
        ("mqtt://u@city.example/", "city.example", 1883, "u", None),
        ("mqtt://u:p%40ss@[::1]:99", "::1", 99, "u", "p@ss"),
    ],
)
def test_addresses_are_read(text: str, host: str, port: int, user: str | None, password: str | None) -> None:
    address = BrokerAddress.parse(text)
    assert (address.host, address.port, address.user, address.password) == (host, port, user, password)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mqtt://",
        "http://secret@h",
        "mqtt://u:secret@h:99999",
        "mqtt://u:secret@h:x",
        "mqtt://:secret@h",
        "mqtt://u:secret@h/path",
        "h:0",
    ],
)
def test_a_wrong_address_is_one_sentence_without_the_password(text: str) -> None:
    with pytest.raises(BrokerError) as error:
        BrokerAddress.parse(text)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)
    assert "secret" not in str(error.value) + repr(error.value.__cause__)


def test_neither_text_form_of_an_address_shows_the_password() -> None:
    address = BrokerAddress.parse("mqtt://u:secret@h")
    assert "secret" not in f"{address} {address!r}"


def test_the_embedded_broker_starts_within_2_s_answers_and_leaves_no_process(broker: EmbeddedBroker) -> None:
    started = time.monotonic()
    other = EmbeddedBroker()
    address = other.start()
    assert time.monotonic() - started < 2
    check(address)
    process = other._process
    assert process is not None
    other.stop()
    assert process.returncode == 0
    with pytest.raises(BrokerError, match="No MQTT broker answers"):
        check(address)


def test_the_embedded_broker_ends_with_a_parent_that_was_killed() -> None:
    lines = [
        "import sys",
        "from kerbstone.listen.broker import EmbeddedBroker",
        "print(EmbeddedBroker().start().port, flush=True)",
        "sys.stdin.read()",
    ]
    command, environment, pipe = [sys.executable, "-c", "\n".join(lines)], {"PYTHONPATH": ":".join(sys.path)}, subprocess.PIPE
    parent = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment)
    assert parent.stdin and parent.stdout
    with parent.stdin, parent.stdout:
        address = BrokerAddress("127.0.0.1", int(parent.stdout.readline()))
        check(address)
        parent.kill()
        parent.wait()
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            check(address)
        except BrokerError:
            return
        time.sleep(0.05)
    pytest.fail("the broker outlived its parent")


def test_a_port_in_use_is_told_in_one_sentence(broker: EmbeddedBroker) -> None:
    with pytest.raises(BrokerError, match="did not start"):
        EmbeddedBroker(broker.address.port).start()


def test_a_server_that_is_no_broker_is_found_out_within_3_s(deaf: int) -> None:
    started = time.monotonic()
    with pytest.raises(BrokerError, match=f"No MQTT broker answers at 127.0.0.1:{deaf}; start one or leave out --broker"):
        check(BrokerAddress("127.0.0.1", deaf))
    assert time.monotonic() - started < 3.2


def test_the_listener_refuses_to_start_without_a_broker(deaf: int) -> None:
    started = time.monotonic()
    with pytest.raises(BrokerError, match="No MQTT broker answers"):
        MqttListener(BrokerAddress("127.0.0.1", deaf)).start()
    assert time.monotonic() - started < 4.5


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "$SYS"])
def test_names_that_would_change_a_topic_are_refused(name: str) -> None:
    for make in (lambda: topics.up(name, "d"), lambda: topics.down("kerb", name), lambda: topics.up_filter(name)):
        with pytest.raises(BrokerError, match="topic"):
            make()


def test_only_topics_of_records_name_a_device() -> None:
    assert topics.device_of("kerb", topics.up("kerb", "d1")) == "d1"
    assert [topics.device_of("kerb", t) for t in ("kerb/d1/down", "other/d1/up", "kerb//up", "kerb/a/b/up", "kerb/up")] == [None] * 5


def test_wait_quiet_returns_when_all_is_there_and_names_what_is_missing(broker: EmbeddedBroker) -> None:
    with MqttListener(broker.address) as ear:
        clients = {name: device(broker, name) for name in ("d1", "d2")}
        sender = threading.Thread(target=publish, args=(clients["d1"], "d1", [b"%d" % n for n in range(100)]))
        sender.start()
        publish(clients["d2"], "d2", [b"x"] * 50)
        assert ear.wait_quiet({"d1": 100, "d2": 50}, 5) == {}
        sender.join()
        started = time.monotonic()
        assert ear.wait_quiet({"d1": 100, "d2": 53, "d3": 1}, 0.3) == {"d2": 3, "d3": 1}
        assert time.monotonic() - started < 1
        arrivals = ear.arrivals()
        assert [a.order for a in arrivals] == list(range(150))
        assert [a.payload for a in arrivals if a.device == "d1"] == [b"%d" % n for n in range(100)]
        for client in clients.values():
            hang_up(client)


def test_the_callback_gets_every_arrival_once_and_in_order(broker: EmbeddedBroker) -> None:
    heard = []
    with MqttListener(broker.address, on_arrival=heard.append) as ear:
        client = device(broker, "d1")
        publish(client, "d1", [b"a", b"b"])
        assert ear.wait_quiet({"d1": 2}, 5) == {}
        assert heard == ear.arrivals()
        hang_up(client)


def test_the_listener_comes_back_by_itself_after_a_broker_restart(broker: EmbeddedBroker) -> None:
    with MqttListener(broker.address) as ear:
        port = broker.address.port
        broker.kill()
        deadline = time.monotonic() + 3
        while ear.listening and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not ear.listening
        assert broker.start().port == port
        assert ear.wait_listening(5)
        client = device(broker, "d1")
        publish(client, "d1", [b"after"])
        assert ear.wait_quiet({"d1": 1}, 5) == {}
        hang_up(client)


def test_what_devices_publish_while_the_listeners_connection_is_broken_comes_later(broker: EmbeddedBroker) -> None:
    with MqttListener(broker.address) as ear:
        client = device(broker, "d1")
        sock = ear._client.socket()
        assert sock is not None
        sock.shutdown(socket.SHUT_RDWR)
        publish(client, "d1", [b"%d" % n for n in range(20)])
        assert ear.wait_quiet({"d1": 20}, 5, settle_s=0.2) == {}
        assert sorted(int(a.payload) for a in ear.arrivals() if not a.dup) == list(range(20))
        hang_up(client)


def test_commands_wait_on_the_broker_for_a_device_that_sleeps(broker: EmbeddedBroker) -> None:
    first = device(broker, "d1")
    subscribed = threading.Event()
    first.on_subscribe = lambda *_: subscribed.set()
    first.subscribe(topics.down("kerb", "d1"), 1)
    assert subscribed.wait(5)
    hang_up(first)
    with MqttListener(broker.address) as ear:
        ear.command("d1", b"dim 50")
    heard = threading.Event()
    again = broker.address.new_client("d1", clean=False)
    again.on_message = lambda _client, _data, message: heard.set() if message.payload == b"dim 50" else None
    again.connect(broker.address.host, broker.address.port)
    again.loop_start()
    assert heard.wait(5)
    hang_up(again)


def test_a_closed_listener_leaves_no_session_on_the_broker(broker: EmbeddedBroker) -> None:
    ear = MqttListener(broker.address)
    ear.start()
    ear.close()
    time.sleep(1.2)  # amqtt clears sessions away once a second
    flags = []
    probe = broker.address.new_client(ear._client_id, clean=False)
    probe.on_connect = lambda _client, _data, flag, _reason, _properties: flags.append(flag.session_present)
    probe.connect(broker.address.host, broker.address.port)
    while not flags:
        probe.loop(0.1)
    probe.disconnect()
    assert flags == [False]


def test_a_command_without_a_broker_is_an_error_in_time(broker: EmbeddedBroker) -> None:
    ear = MqttListener(broker.address)
    ear.start()
    broker.kill()
    with pytest.raises(BrokerError, match="did not take the command for d1"):
        ear.command("d1", b"x", 0.3)
    ear.close()
