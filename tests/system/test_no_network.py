"""A node nobody answers: a named event for each cause it can tell, requests within the join back-off, and little of the battery."""

import pytest

from kerbstone.emulator.air import ns_crypto

DAY_S = 86_400
BUDGET_S = 36 + 36 + 8.7  # of air on the first day (LoRaWAN 1.0.4 section 7)
NODE = """
[node]
board = "heltec_wifi_lora_32_v3"
app = "bins"

[parts.climate]
driver = "sht4x"
bus = "i2c.main"
period_s = 3600

[app]
report_s = 3600

[uplink]
kind = "lorawan"
region = "{region}"

[world]
gateway_m = {metres}
"""


@pytest.fixture
def alone(kerb_node, tmp_path):
    def make(region="EU868", metres=400.0):
        path = tmp_path / "bin.toml"
        path.write_text(NODE.format(region=region, metres=metres))
        return kerb_node(str(path))

    return make


def told(node):
    """The events of its searches, and seconds of air of its join requests."""
    air = sum(fields["us"] for _, _, kind, fields in node.events if kind == "on_air") / 1e6
    return {line.removeprefix("kerb ") for line in node.console if line.startswith("kerb join")}, air


def test_without_coverage_a_day_stays_within_the_join_budget_and_says_silent(alone):
    node = alone(metres=20_000.0).run("24h")
    events, air_s = told(node)
    assert "join silent EU868 quiet" in events and events <= {"join silent EU868 quiet", "join waits"}
    assert 10 < air_s <= BUDGET_S
    assert node.energy_mah < 4.0, "of 19,000 mAh"


def test_a_key_the_network_does_not_have_is_silence_too_and_the_same_budget(alone):
    node = alone()
    node.run("1s")
    node.network.device(node.dev_eui).app_key = bytes(16)
    node.run("24h")
    events, air_s = told(node)
    assert "join silent EU868 quiet" in events and events <= {"join silent EU868 quiet", "join waits"}
    assert 10 < air_s <= BUDGET_S and node.energy_mah < 4.0
    assert not node.records


def test_an_answer_for_another_key_is_told_apart(alone, monkeypatch):
    node = alone()
    genuine = ns_crypto.seal_accept
    monkeypatch.setattr(ns_crypto, "seal_accept", lambda key, body: genuine(bytes(16), body))
    node.run("3h")
    assert told(node)[0] == {"join refused key"}
