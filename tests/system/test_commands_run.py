"""Commands all the way: from the operator's bytes over broker or gateway to the lamp or the bay, and the answer back."""

from __future__ import annotations

import pytest

from kerbstone import downlink
from kerbstone.testing.node import KerbNode


def answers(node: KerbNode) -> list[tuple[str, str, int]]:
    """(command, result, configuration) of every answer."""
    got = [r["values"] for r in node.service if r["profile"] == "answer"]
    return [(v["command"], v["result"], v["config_version"]) for v in got]


def security(node: KerbNode) -> list[str]:
    return [line.split(" ", 2)[2] for line in node.console if line.startswith("kerb security ")]


@pytest.mark.security("7")
def test_a_lamp_over_mqtt_obeys_whom_it_should_and_answers(kerb_node) -> None:
    node = kerb_node("light").run("5m")
    first = node.command("dim", [40, 60])
    node.run("1m")
    assert node.values["level"] == 40 and node.values["lamp_state"] == "override"
    node.command("configure", [1, {"report_s": 600}])
    node.run("3m")
    assert answers(node) == [("dim", "done", 0), ("configure", "trial", 1), ("none", "confirmed", 1)]
    assert node.values["level"] == 40, "an order holds on under other settings"

    node.send(first)  # a replay
    node.send(b"\x1e")  # a laboratory's order
    node.send(bytes([first[0] ^ 1]) + first[1:])
    node.run("1m")
    assert security(node) == ["replay", "plain", "mac"] and len(answers(node)) == 3

    message = node.command("configure", [2, {"report_s": 900, "colour": 3}])
    node.command("configure", [2, {"report_s": 5}])
    node.command("configure", [1, {"report_s": 900}])
    node.command("calibrate")
    node.command("self_test")
    node.command("override", [10, {"level": 70}])
    node.run("4m")
    assert [a[:2] for a in answers(node)[3:]] == [
        ("configure", "no_key"), ("configure", "bad_value"), ("configure", "old_version"), ("calibrate", "not_here"),
        ("self_test", "done"), ("override", "done"),
    ]  # fmt: skip
    refused = [r["values"]["detail"] for r in node.service if r["values"].get("result") == "no_key"]
    assert downlink.refused_name(message, refused[0]) == "colour"
    node.run("10m")
    assert answers(node)[-1] == ("none", "ends", 1)
    node.assert_nothing_lost()


def test_a_bay_on_lorawan_takes_the_same_bytes_and_keeps_its_configuration_through_sleep_and_cuts(kerb_node) -> None:
    node = kerb_node("parking").run("10m")
    node.command("configure", [1, {"heartbeat_s": 3600, "mag.period_s": 3600}])
    node.run("8h")
    assert answers(node) == [("configure", "trial", 1), ("none", "confirmed", 1)]
    node.power_cut(60)
    before = node.wakes
    node.run("3h")
    assert node.wakes >= before + 3, "it still measures every hour"
    node.assert_nothing_lost()
    reports = len(node.records)
    node.command("report")
    node.run("62m")
    assert answers(node)[2:] == [("report", "done", 1)]
    assert len(node.records) >= reports + 2, "the hourly report that fetched the command, and the one it asked for"
