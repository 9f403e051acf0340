"""TLS of the firmware, by the interpreter's own mbedTLS, to a real Mosquitto: what is refused, and with which sentence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import mqtt_bench as bench
from kerbstone.emulator.net.certificates import Authority, Pair
from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.mqtt import MqttListener

STRANGER = "the certificate of another authority"
PSK = "00112233445566778899aabbccddeeff"


def written(folder: Path, name: str, pair: Pair) -> tuple[Path, Path]:
    """PEM files as Mosquitto reads them: (certificate, key)."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_bytes(pair.shown(Encoding.PEM))
    key.touch(0o600)
    key.write_bytes(pair.secret(Encoding.PEM))
    return certificate, key


class Brokers:
    """One Mosquitto with a plain listener for the test and four with TLS for devices."""

    def __init__(self, folder: Path):
        self.authority, self.stranger = Authority("Test authority"), Authority("Stranger")
        self.ports = {name: bench.free_port() for name in ("server", "mutual", "psk", "expired", "future")}
        ca, _ = written(folder, "ca", self.authority.own)
        old = {"ends": dt.datetime(2021, 1, 1, tzinfo=dt.UTC)}
        young = {"begins": dt.datetime(2080, 1, 1, tzinfo=dt.UTC)}
        more = ""
        for name, when in (("server", {}), ("mutual", {}), ("expired", old), ("future", young)):
            certificate, key = written(folder, name, self.authority.issue("127.0.0.1", **when))
            more += f"listener {self.ports[name]} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\ncafile {ca}\n"
            more += "require_certificate true\n" if name == "mutual" else ""
        psk = folder / "psk"
        psk.write_text(f"dev1:{PSK}\n")
        more += f"listener {self.ports['psk']} 127.0.0.1\npsk_hint kerb\npsk_file {psk}\n"
        self.mosquitto = bench.Mosquitto(folder, more)
        self.device = self.authority.issue("dev1")


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    found = Brokers(tmp_path_factory.mktemp("tls"))
    found.mosquitto.start()
    yield found
    found.mosquitto.stop()


def attempt(brokers: Brokers, mode: str, listener: str = "", job: str = "attempt", **given: Any) -> Any:
    """What a device says of one connection and one frame. `given` overrides its identity; None takes a value away."""
    identity: dict[str, Any] = {
        "mqtt_ca": brokers.authority.own.shown().hex(), "mqtt_cert": brokers.device.shown().hex(),
        "mqtt_key": brokers.device.secret().hex(),
        "mqtt_psk_id": "dev1", "mqtt_psk": PSK,
    }  # fmt: skip
    options = {key: given.pop(key) for key in ("no_clock", "config", "count") if key in given}
    config = {"tls": mode, **options.pop("config", {})}
    if given.get("mqtt_ca") == STRANGER:
        given["mqtt_ca"] = brokers.stranger.own.shown().hex()
    identity = {key: value for key, value in {**identity, **given}.items() if value is not None}
    return bench.run(brokers.ports[listener or mode], job, config=config, identity=identity, answer_ms=3000, **options)


@pytest.mark.parametrize("mode", ["server", "mutual", "psk"])
def test_fifty_frames_arrive_once_and_in_order(brokers: Brokers, mode: str) -> None:
    with MqttListener(BrokerAddress("127.0.0.1", brokers.mosquitto.port)) as ear:
        result = attempt(brokers, mode, job="send_many", count=50)
        assert ear.wait_quiet({"dev1": 50}, 5, settle_s=0.2) == {}
        assert [a.payload for a in ear.arrivals()] == [b"%d" % n for n in range(50)]
    assert (result["sent"], result["nones"]) == (50, 0)


REFUSALS = [
    ("another authority", "server", "server", {"mqtt_ca": STRANGER}, "not of the authority this device knows"),
    ("another name", "server", "server", {"config": {"broker": "localhost"}}, "is for another name"),
    ("expired", "server", "expired", {}, "has expired: renew it"),
    ("not yet valid", "server", "future", {}, "is not valid yet"),
    ("no certificate of ours", "server", "mutual", {}, "agree on no TLS"),
    ("wrong key", "psk", "psk", {"mqtt_psk": "ff" * 16}, "agree on no TLS"),
    ("unknown key", "psk", "psk", {"mqtt_psk_id": "dev2"}, "agree on no TLS"),
]


@pytest.mark.parametrize(("mode", "listener", "given", "words"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_a_broker_that_is_not_ours_is_refused_with_a_sentence(brokers: Brokers, mode: str, listener: str, given: dict, words: str) -> None:
    result = attempt(brokers, mode, listener, **given)
    assert result["connect"] == "error" and "send" not in result
    (sentence,) = result["errors"]
    assert words in sentence and sentence.startswith("broker ")


def test_a_plain_server_where_tls_is_wanted_is_refused(brokers: Brokers) -> None:
    brokers.ports["plain"] = brokers.mosquitto.port
    result = attempt(brokers, "server", "plain")
    assert result["connect"] == "error" and "agree on no TLS" in result["errors"][0]


def test_without_the_time_of_day_no_certificate_is_believed(brokers: Brokers) -> None:
    result = attempt(brokers, "server", no_clock=True, config={"ntp": "127.0.0.1"})
    assert result["connect"] == "error"
    assert "cannot be checked before the clock is set" in result["errors"][0] and "check ntp" in result["errors"][0]


def test_a_shared_key_needs_no_clock(brokers: Brokers) -> None:
    assert attempt(brokers, "psk", no_clock=True)["send"] == "receipt"


@pytest.mark.parametrize(
    ("mode", "given", "words"),
    [
        ("server", {"mqtt_ca": None}, "identity has no mqtt_ca"),
        ("server", {"mqtt_ca": "zz"}, "mqtt_ca is not hexadecimal"),
        ("server", {"mqtt_ca": "3003020101"}, "cannot read what the identity has"),
        ("server", {"mqtt_ca": b"-----BEGIN".hex()}, "mqtt_ca is no certificate or key in DER"),
        ("mutual", {"mqtt_key": None}, "identity has no mqtt_key"),
        ("mutual", {"mqtt_key": "3003020101"}, "cannot read what the identity has"),
        ("psk", {"mqtt_psk": None}, "identity has no mqtt_psk"),
        ("psk", {"mqtt_psk_id": None}, "identity has no mqtt_psk_id"),
    ],
)  # fmt: skip
def test_an_identity_that_lacks_something_is_told_by_its_name_alone(brokers: Brokers, mode: str, given: dict, words: str) -> None:
    result = attempt(brokers, mode, **given)
    (sentence,) = result["errors"]
    assert words in sentence
    assert PSK not in sentence and "3003" not in sentence and "2d2d" not in sentence


def test_no_secret_reaches_the_console(brokers: Brokers) -> None:
    key, certificate = brokers.device.secret().hex(), brokers.device.shown().hex()
    options = {"tls": "mutual"}
    identity = {"mqtt_ca": brokers.stranger.own.shown().hex(), "mqtt_cert": certificate, "mqtt_key": key}
    started = bench.start("device.py", {"port": brokers.ports["mutual"], "job": "attempt", "config": options, "identity": identity})
    said, _ = started.communicate(timeout=20)
    assert "refused" in said and key[20:60] not in said and "wifi-secret" not in said


