"""What a node knows of itself, and how it comes back: crashes, safe mode, configuration that does not work."""

from __future__ import annotations

import pytest

from fragile_node import BOARDS, fragile
from kerbstone.selfview import crash_lines
from kerbstone.testing.node import KerbNode


def told(node: KerbNode, profile: str) -> list[dict]:
    return [r["values"] for r in node.service if r["profile"] == profile]


def results(node: KerbNode) -> list[str]:
    return [v["result"] for v in told(node, "answer")]


@pytest.mark.security("10")
def test_a_configuration_under_which_nothing_is_reported_is_taken_back(kerb_node, tmp_path) -> None:
    node = kerb_node(fragile(tmp_path)).run("11m")
    node.command("configure", [4, {"mute": True}, 20])
    node.run("19m")
    assert results(node) == ["trial"]
    reports = len(node.records)
    node.run("15m")
    assert results(node) == ["trial", "reverted"] and len(node.records) > reports
    assert told(node, "answer")[1]["config_version"] == 0 and told(node, "answer")[1]["detail"] == 4
    assert any(line == "kerb security revert" for line in node.console)
    node.assert_nothing_lost()


@pytest.mark.security("10")
@pytest.mark.parametrize("board", BOARDS)
def test_a_configuration_that_crashes_the_node_is_taken_back_also_when_power_fails(board, kerb_node, tmp_path) -> None:
    node = kerb_node(fragile(tmp_path, board)).run("5m")
    node.command("configure", [1, {"crash_on": 1}, 600])
    node.run("25m")
    assert sorted(results(node)) == ["reverted", "trial"], node.console[-20:]
    assert told(node, "crash")[0]["error"] == "zero_division_error"
    assert sum("kerb crash" in line for line in node.console) == 1, "the first crash ends the trial"
    reports = len(node.records)
    node.power_cut(5)
    node.run("30m")
    assert len(node.records) > reports + 1


@pytest.mark.security("11")
@pytest.mark.parametrize("board", BOARDS)
def test_a_node_that_keeps_crashing_tells_where_and_then_lives_on_without_its_application(board, kerb_node, tmp_path) -> None:
    node = kerb_node(fragile(tmp_path, board, "crash_on = 1500")).run("35m")
    crashes = told(node, "crash")
    assert crashes and crashes[-1]["error"] == "zero_division_error"
    lines = crash_lines(crashes[-1], [tmp_path])
    assert lines[0].endswith("return [1 // by]") and "apps/fragile.py" in lines[0], lines
    assert "self._fall(0)" in lines[1]
    node.run("3h" if BOARDS[board]["deep"] == "true" else "30m")
    health = told(node, "health")
    assert health and health[-1]["mode"] == "safe" and health[-1]["crashes"] == 4
    assert any(line == "kerb security safe" for line in node.console)
    node.command("report")
    node.run("40m")
    assert results(node)[-1] == "done", "it still takes commands"
    node.run("7h")
    assert sum("kerb crash" in line for line in node.console) > 4, "and it tries again"
