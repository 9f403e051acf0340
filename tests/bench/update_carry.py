"""What a bundle costs on its way by each bearer: a line that changed, and 40 KB; bytes, wakes in which pieces came, joules more than a node
that lives beside it without.

`python tests/bench/update_carry.py` alone prints it; MQTT wants Mosquitto.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS.parent / "firmware"), str(TESTS / "firmware"), str(TESTS), str(TESTS / "bench")]

from float32 import install_micropython

install_micropython()

from carry_bench import bundle, joules, updated
from kerbstone.build.node import load_node
from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.coap import CoapListener
from kerbstone.paths import boards_dir
from kerbstone.testing.bench import TestBench
from kerbstone.testing.node import KerbNode
from kerbstone.update.carry.coap import Shelf
from kerbstone.update.carry.lorawan import PORT, LorawanCarrier
from kerbstone.update.carry.mqtt import MqttCarrier
from mqtt_bench import Mosquitto
from update_bench import told

VOLT = 3.6
BALLAST = {"a line": 0, "40 KB": 40_000}
WIFI = '\n[uplink]\nkind = "mqtt"\nlink = "burst"\nstatic_ip = ["10.0.0.9", "255.255.255.0", "10.0.0.1", "10.0.0.1"]\n'
_LIMIT_S = 12 * 3600


def _bins(lorawan: bool) -> str:
    text = (boards_dir() / "nodes" / "bins.toml").read_text().replace("report_s = 3600", "report_s = 600").split("[budget]")[0]
    return text.replace('region = "EU868"\n', 'region = "EU868"\nadr = false\ndr = 3\n') if lorawan else text.split("[uplink]")[0] + WIFI


def _nbiot() -> str:
    text = (boards_dir() / "nodes" / "bins_nbiot.toml").read_text().replace("report_s = 14400", "report_s = 600")
    return text.split("[budget]")[0]


Begin = Callable[[KerbNode, bytes], Callable[[], None]]


Prepare = Callable[[TestBench, ExitStack], Begin]


def _cost(folder: Path, text: str, ballast: int, prepare: Prepare, broker: BrokerAddress | None) -> dict[str, float]:
    with ExitStack() as stack:
        bench = TestBench(lambda: broker or BrokerAddress("127.0.0.1"))
        stack.callback(bench.close)
        (folder / "plain.toml").write_text(text)
        plain, node = bench(load_node(str(folder / "plain.toml"))), bench(updated(folder, "updated", text))
        made = bundle(node.node, folder, ballast=ballast)
        bench.bench.run(5 * 60 * 1_000_000)
        before, wakes, began = joules(node, plain, VOLT), node.wakes, node.clock
        step = prepare(bench, stack)(node, made)
        while not told(node) and node.clock < _LIMIT_S:
            node.run(60)
            step()
        assert told(node)[0].startswith("installed"), (told(node), node.console[-5:])
        spent = round(joules(node, plain, VOLT) - before, 1)
        return {"bytes": len(made), "wakes": node.wakes - wakes, "joules": spent, "hours": round((node.clock - began) / 3600, 2)}


def _over_mqtt(address: BrokerAddress) -> Prepare:
    def prepare(bench: TestBench, stack: ExitStack) -> Begin:
        carrier = stack.enter_context(MqttCarrier(address))

        def begin(node: KerbNode, made: bytes) -> Callable[[], None]:
            carrier.begin(node._runtime.identity.device_id, made)
            return lambda: time.sleep(0.02)

        return begin

    return prepare


def _over_coap(bench: TestBench, stack: ExitStack) -> Begin:
    def begin(node: KerbNode, made: bytes) -> Callable[[], None]:
        (listener,) = [one for one in bench._listeners.values() if isinstance(one, CoapListener)]
        listener.shelf = shelf = Shelf()
        shelf.begin(node._runtime.identity.device_id, made)
        return lambda: None

    return begin


def _over_lorawan(bench: TestBench, stack: ExitStack) -> Begin:
    def begin(node: KerbNode, made: bytes) -> Callable[[], None]:
        carrier = LorawanCarrier(lambda device, piece: node.enqueue(PORT, piece), 115)
        carrier.begin("bin", made)
        seen = [0]

        def step() -> None:
            arrivals = bench.bench.radio.listener.arrivals(node.name)
            for arrival in arrivals[seen[0] :]:
                carrier.heard("bin", arrival.payload)
            seen[0] = len(arrivals)

        return step

    return begin


def figures() -> dict[str, dict[str, float]]:
    """{"bearer, bundle": {"bytes", "wakes" (boots, those of the installation among them), "joules", "hours" after power-on}}."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "broker").mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        address = BrokerAddress("127.0.0.1", broker.port)
        try:
            for what, ballast in BALLAST.items():
                found[f"mqtt, {what}"] = _cost(folder, _bins(False), ballast, _over_mqtt(address), address)
                found[f"nbiot, {what}"] = _cost(folder, _nbiot(), ballast, _over_coap, None)
            found["lorawan dr3, a line"] = _cost(folder, _bins(True), 0, _over_lorawan, None)
            found["lorawan dr3, 4 KB"] = _cost(folder, _bins(True), 4_000, _over_lorawan, None)
        finally:
            broker.stop()
    return found


if __name__ == "__main__":
    print(json.dumps(figures(), indent=1))
