"""The PIN of a SIM card: entered when it is asked for, tried once when it is wrong, shown nowhere."""

import json
import os

import pytest

from interpreter import micropython
from kerbstone.build.node import load_node
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.run import START_UTC
from kerbstone.listen.coap import CoapListener
from kerbstone.paths import boards_dir

FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
HOUR_US = 3_600_000_000
CARD, OTHER = "4711", "9038"


def lived(folder, world, chip="SIM7080G", hours=1.2):
    """(console, [(right, left) of each try of a PIN], tries the card has left, requests the server got)"""
    text = (boards_dir() / "nodes" / "bins_nbiot.toml").read_text().replace("report_s = 14400", "report_s = 1200")
    path = folder / "bins_nbiot.toml"
    path.write_text(text.replace('kind = "nbiot"', f'kind = "nbiot"\nmodem = "{chip}"') + f"\n[world.parts.modem]\n{world}\n")
    with CoapListener(paths=("k",)) as server, Bench(3, START_UTC, {"coap.local": server.address}) as bench:
        runtime = bench.add(load_node(str(path)))
        bench.start()
        runtime.device.power_on()
        bench.run(int(hours * HOUR_US))
        modem = runtime.parts["modem"]
        console = runtime.console.read_text()
        tries = [event[3]["right"] for event in bench.kernel.log.events if event[2] == "modem" and event[3].get("what") == "pin"]
        logged = json.dumps([event for event in bench.kernel.log.events if event[2] != "uart"], default=str)
        runtime.device.stop()
    assert CARD not in console and OTHER not in console and f'"{OTHER}"' not in logged
    return console, tries, modem.pin_left


@pytest.mark.parametrize("chip", ["SIM7080G", "BG95", "BC660K", "SARA-R510S"])
def test_a_card_with_a_pin_is_opened_and_the_records_arrive(tmp_path, chip):
    console, tries, left = lived(tmp_path, f'sim_pin = "{CARD}"', chip)
    assert console.count("kerb receipt") >= 3 and tries and all(tries) and left == 3


def test_a_wrong_pin_is_tried_once_however_long_the_node_lives_and_said(tmp_path):
    console, tries, left = lived(tmp_path, f'sim_pin = "{CARD}"\nknown_pin = "{OTHER}"', hours=48 if FULL else 6)
    assert tries == [False] and left == 2
    assert "SIM card refuses the PIN of this device" in console and "has refused the PIN" in console
    assert "kerb receipt" not in console


def test_a_card_that_asks_for_a_pin_nobody_gave_says_so(tmp_path):
    console, tries, left = lived(tmp_path, f'sim_pin = "{CARD}"\nknown_pin = ""')
    assert "put sim_pin into the identity" in console and not tries and left == 3


TRIES = """
import sys, json
from kerb.errors import ModemError, UplinkError, ConfigError
from kerb.identity import Identity
from kerb.modem import pin
class Store:
    def __init__(self):
        self.kept = {}
    def get(self, name):
        return self.kept.get(name)
    def put(self, name, data):
        self.kept[name] = data
class Modem:
    said, state, given = "silent", "SIM PIN", 0
    def ask(self, command, prefix=None, limit_ms=0):
        if command == "+CPIN?":
            return ["+CPIN: " + self.state]
        self.given += 1
        if self.said:
            raise ModemError("AT+CPIN", self.said)
Modem.at = property(lambda self: self)
def turn(modem, store, number="1234", **more):
    try:
        pin.unlock(modem, Identity(dict({"device_id": "bin-1", "sim_pin": number}, **more)), store)
        return "open"
    except (ModemError, UplinkError, ConfigError) as error:
        return type(error).__name__
store, modem = Store(), Modem()
print(json.dumps([turn(modem, store) for _ in range(4)] + [modem.given]))  # nobody saw the end of two tries
modem.said = ""
print(json.dumps([turn(modem, store), turn(modem, store, "5678"), turn(modem, store, "5678"), modem.given]))
modem.said = "refused"
print(json.dumps([turn(modem, store, "5678"), turn(modem, store, "5678"), turn(modem, store, "12a4"), modem.given]))
modem.state = "SIM PUK"
print(json.dumps([turn(modem, store, "8765"), modem.given, b"5678" in repr(store.kept).encode()]))
"""


def test_what_came_of_a_pin_is_kept_so_that_no_power_cut_can_block_a_card():
    lines = [json.loads(line) for line in micropython(TRIES).splitlines()]
    assert lines[0] == ["ModemError", "ModemError", "UplinkError", "UplinkError", 2]
    assert lines[1] == ["UplinkError", "open", "open", 4], "another PIN is another matter"
    assert lines[2] == ["UplinkError", "UplinkError", "ConfigError", 5]
    assert lines[3] == ["UplinkError", 5, False]
