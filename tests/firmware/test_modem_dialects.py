"""Dialects are data: each says all that the firmware asks of it, and its commands can be filled in."""

import importlib

import pytest

from kerb.modem.dialects import sim7080
from kerbstone.build.modems import DIALECTS, WITHOUT_MQTT
from kerbstone.paths import firmware_dir

WORDS = {
    "apn": "iot", "host": "10.1.0.10", "port": 5683, "device": "bin-1", "up": "k/bin-1/up", "down": "k/bin-1/down", "keep": 120,
    "user": "u", "password": "p", "login": ',"u","p"', "n": 5, "n2": 10, "hex": "68656c6c6f", "id": 1, "most": 512,
    "rai": 2,
}  # fmt: skip
OPTIONAL = {"mqtt"}
SOCKET_OPTIONAL = {"released"}
NAMES = sorted(set(DIALECTS.values()))


def dialect(name):
    return importlib.import_module(f"kerb.modem.dialects.{name}").DIALECT


def steps(value):
    """Every step below a value: tuples that begin with a command and seconds."""
    if isinstance(value, tuple) and len(value) >= 2 and isinstance(value[0], str) and type(value[1]) is int:
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from steps(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from steps(inner)


_OTHERS = {"__init__", "quectel", "rak3172"}  # what two share, and a LoRaWAN module


def test_every_dialect_has_a_modem_and_every_modem_a_dialect():
    files = {p.stem for p in (firmware_dir() / "kerb" / "modem" / "dialects").glob("*.py")} - _OTHERS
    assert files == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_dialect_says_all_that_is_asked_of_it(name):
    mine = dialect(name)
    assert set(mine) - OPTIONAL == set(sim7080.DIALECT) - OPTIONAL
    assert set(mine["udp"]) - SOCKET_OPTIONAL == set(sim7080.DIALECT["udp"])
    assert ("mqtt" in mine) == (name not in WITHOUT_MQTT)
    if "mqtt" in mine:
        assert set(mine["mqtt"]) == set(sim7080.DIALECT["mqtt"])


@pytest.mark.parametrize("name", NAMES)
def test_its_commands_can_be_filled_in_and_its_waits_have_an_end(name):
    found = list(steps(dialect(name)))
    assert len(found) > 10
    for command, limit_s, *more in found:
        filled = command.format(**WORDS)
        assert "{" not in filled and len(filled) < 200 and 0 < limit_s <= 180
        assert filled.lstrip("?")[0] in "+*EQ", command
        assert all(part is None or isinstance(part, str | bool) for part in more[:2])
    if "mqtt" in dialect(name):
        assert "{" not in dialect(name)["mqtt"]["publish"][0].format(**WORDS)
    assert "{" not in dialect(name)["udp"]["send"][0].format(**WORDS)


@pytest.mark.parametrize("name", NAMES)
def test_what_ends_a_boot_message_is_no_answer(name):
    boot = dialect(name)["boot"]
    assert not any(word.endswith(boot) for word in ("OK", "SEND OK", "+CPIN: READY", "ERROR", "+CME ERROR: 50", dialect(name)["psm_urc"]))
