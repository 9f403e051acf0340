"""A roll-out through a real Mosquitto: to devices that lose fragments, over a halt and a runner that is killed, and to an emulated node."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from enrolled_board import PASSPHRASE
from kerb.update import report
from kerbstone.books.books import Books
from kerbstone.build.compile import board_files
from kerbstone.build.node import load_node
from kerbstone.errors import BrokerError
from kerbstone.listen.broker import BrokerAddress
from kerbstone.paths import boards_dir
from kerbstone.testing.bench import TestBench
from kerbstone.update.bundle import Update, application, class_id, vendor_id
from kerbstone.update.carry.mqtt import MARK
from kerbstone.update.fragments import CODED, HEAD, Parcel
from kerbstone.update.keys import ES256, SigningKey, new_key
from kerbstone.update.opened import open_bundle
from kerbstone.update.rollout.gate import Gate
from kerbstone.update.rollout.ledger import Ledger
from kerbstone.update.rollout.model import CONFIRMED, DONE, HALTED, PROBATION, RECEIVING, RUNNING
from kerbstone.update.rollout.over_mqtt import MqttTransport
from kerbstone.update.rollout.runner import Runner
from kerbstone.update.trust import trust_json
from update_bench import Receiver, update

SIZE = 60
PREFIX = "rollout"


class Devices:
    """Paho clients in one: every device under the prefix takes fragments in order, loses one in twenty, and confirms a whole bundle. Each
    sends a reading every 50 ms.

    `reach`: the fragment behind which nothing more reaches a device until this is raised.
    """

    def __init__(self, address: BrokerAddress, data: bytes):
        self.data, self.random, self.lock = data, random.Random(3), threading.Lock()
        self.parcel = Parcel(data, SIZE)
        self.count, self.bundle = self.parcel.count, self.parcel.name
        self.reach = self.count
        self.receivers: dict[str, Receiver] = {}
        self.content: dict[str, dict[int, bytes]] = {}
        self.client = address.new_client("devices")
        self.client.on_message = self._message
        self.client.on_connect = lambda client, *_: client.subscribe(f"{PREFIX}/+/down", 1)
        self.client.connect(address.host, address.port)
        self.client.loop_start()
        self.over = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while not self.over.wait(0.05):
            for device in list(self.receivers):
                self.client.publish(f"{PREFIX}/{device}/up", b"\x20\0\xa8\xb3\xad\0", 1)

    def _message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        device, payload = message.topic.split("/")[1], bytes(message.payload)
        assert payload[: len(MARK)] == MARK
        fragment = payload[len(MARK) :]
        with self.lock:
            receiver = self.receivers.setdefault(device, Receiver(self.parcel))
            if receiver.had >= self.reach or self.random.random() < 0.05:
                return
            before = receiver.had
            said = receiver.take(fragment)
            if receiver.had > before:
                self.content.setdefault(device, {})[receiver.had] = fragment
            if receiver.whole and before < receiver.had:
                said = b"".join(b"%c" % len(m) + m for m in (report.message(s, "none", 5) for s in ("trial", "probation", "confirmed")))
                said = b"\0" + said
            if said:
                client.publish(f"{PREFIX}/{device}/up", said, 1)

    def reached(self, fragment: int) -> None:
        """Once this returns, no report of anything behind that fragment is under way from the devices."""
        with self.lock:
            self.reach = fragment

    def whole(self, device: str) -> bytes:
        rows = [self.content[device][n + 1] for n in range(self.count)]
        padding = rows[-1][8]
        return b"".join(row[HEAD:] for row in rows)[: -padding or None]


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return new_key(b"\1", ES256)


@pytest.fixture
def data(key: SigningKey) -> bytes:
    old = random.Random(9).randbytes(5500)
    return update(new={"kerb/x.mpy": old}, old=None).bundle(key)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    return Books.create(str(tmp_path_factory.mktemp("books") / "books.db"), "owner", PASSPHRASE)


@pytest.fixture
def devices(mosquitto: str, data: bytes) -> Iterator[Devices]:
    made = Devices(BrokerAddress.parse(mosquitto), data)
    yield made
    made.over.set()
    made.client.disconnect()
    made.client.loop_stop()


def until(runner: Runner, true, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        runner.step()
        time.sleep(0.01)
    assert true(), [(d.name, d.state, d.fragments, d.sent) for d in runner.rollout.devices]


class Counting(MqttTransport):
    """Counts the fragments handed to it."""

    count = 0

    def send(self, device: str, fragment: bytes) -> None:
        self.count += 1
        super().send(device, fragment)


def transport(address: str, pace_s: float = 0.0) -> Counting:
    return Counting(BrokerAddress.parse(address), "r1", PREFIX, pace_s, SIZE, settle_s=0.15)


def test_fragments_that_get_lost_are_sent_again_over_a_halt_and_a_runner_that_dies(mosquitto: str, devices: Devices, books: Books,
                                                                                    key: SigningKey, data: bytes):
    ledger = Ledger(books)
    ids = ["d1", "d2", "d3", "d4"]
    ledger.publish("r1", data, open_bundle(data, [key]), ids, ["50%", "100%"], {}, Gate(auto=True), int(time.time()))
    # None is done before the halt, however long a step takes: they report a half of it, and hear no more.
    devices.reached(-(-devices.count // 2))
    with transport(mosquitto, 0.02) as carrier:
        runner = Runner(ledger, "r1", carrier)
        until(runner, lambda: all(d.state == RECEIVING and d.fragments > 20 for d in runner.rollout.of_ring(0)))
        ledger.halt("r1", "a look")
        runner.step()
        assert runner.rollout.state == HALTED
        sent, count = [d.sent for d in ledger.load("r1").devices], carrier.count
        time.sleep(0.3)
        runner.step()
        # What a device reports meanwhile may set the next fragment back, to one that it lost.
        now = [d.sent for d in ledger.load("r1").devices]
        assert carrier.count == count > 0 and all(map(int.__le__, now, sent))
    # What devices say while no runner is there waits at the broker; nothing may be said after it until it was heard.
    devices.reached(0)
    first = runner.rollout.of_ring(0)[0].name
    said = report.message("receiving", piece=(devices.bundle, 7, devices.count))
    devices.client.publish(f"{PREFIX}/{first}/up", said, 1).wait_for_publish(5)
    ledger.resume("r1", int(time.time()))
    with transport(mosquitto) as carrier:
        runner = Runner(ledger, "r1", carrier)
        until(runner, lambda: runner.rollout.devices[0].fragments == 7)
        devices.reached(devices.count)
        until(runner, lambda: ledger.load("r1").state == DONE)
        carrier.remove()
    assert {d.state for d in ledger.load("r1").devices} == {CONFIRMED}
    assert all(devices.whole(device) == data for device in ids) and devices.count > CODED


def test_an_emulated_node_gets_its_update_through_mosquitto(mosquitto: str, books: Books, tmp_path: Path):
    keys = [new_key(b"\1", ES256), new_key(b"\2", ES256)]
    (tmp_path / "trust.json").write_text(trust_json(keys))
    path = tmp_path / "station.toml"
    path.write_text((boards_dir() / "nodes" / "air.toml").read_text().split("[budget]")[0]
                    + '\n[update]\nvendor = "example.org"\nclass = "air"\nkeys = "trust.json"\n')
    node = load_node(str(path))
    old = application(board_files(node))
    new = {**old, "kerb/apps/extra.mpy": random.Random(2).randbytes(600)}
    made = Update(vendor_id("example.org"), class_id("example.org", "air"), 1, new, old).bundle(keys[0])
    bench = TestBench(lambda: BrokerAddress.parse(mosquitto))
    try:
        station = bench(node)
        station.run("2m")
        device = station._runtime.identity.device_id
        ledger = Ledger(books)
        ledger.publish("station", made, open_bundle(made, keys), [device], ["100%"], {}, Gate(), int(time.time()))
        with MqttTransport(BrokerAddress.parse(mosquitto), "station", "kerb", size=64) as carrier:
            runner = Runner(ledger, "station", carrier)
            for _ in range(60):
                runner.step()
                time.sleep(0.05)
                station.run("20s")
                if runner.rollout.devices[0].state == PROBATION and runner.rollout.devices[0].after:
                    break
            carrier.remove()
        one = runner.rollout.devices[0]
        assert one.state == PROBATION and one.before and one.after and runner.rollout.state == RUNNING, (one, station.console[-20:])
        assert next(line for line in station.console if line.startswith("kerb update ")).startswith("kerb update installed 1")
    finally:
        bench.close()


def test_a_broker_that_is_not_there_gets_a_sentence():
    with pytest.raises(BrokerError, match=r"No MQTT broker answers at .*; start it, or name another with --via"), transport("127.0.0.1:1"):
        pass
