"""The delivery policy in whole lives: an alarm's way, the second bearer, a silent region, a street that has its power back."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lived import live

from kerbstone.build.node import load_node
from kerbstone.emulator.faults import fault
from kerbstone.emulator.run import run

sys.path.append(str(Path(__file__).parents[1] / "bench"))

import bearers

FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
HOUR_US = 3_600_000_000

DOOR = """
[node]
board = "xiao_esp32s3_wio_sx1262"
app = "terminal"
[parts.door]
driver = "digital_in"
input_pin = 1
wake_pin = 1
period_s = 3600
[app.channels.door]
source = "door.state"
high = 1
[uplink]
kind = "lorawan"
[world]
gateway_m = 300
[world.parts.door]
quantity = "door"
"""

TWO = bearers.NODE.format(report_s=1800, period_s=900, tables=bearers.MQTT) + """
[second]
kind = "lorawan"
[delivery]
batch = true
second_after_s = 3600
"""


def node(folder: Path, text: str, name: str = "sleeper"):
    path = folder / f"{name}.toml"
    path.write_text(text)
    return load_node(str(path))


def test_an_alarm_in_cover_has_its_receipt_within_six_seconds_of_the_event_at_sf7(tmp_path: Path) -> None:
    done = live(node(tmp_path, DOOR, "alarm"), 3296)  # of this name, since the door of its site opens in the first hour
    opened = next(t for t, e in done.of("wake") if e["reason"] == 3)  # ext1: the contact itself
    frame = next(e for t, e in done.of("on_air") if t > opened)
    # It sleeps when the receipt is in: from the event, the start of the chip and the measurement included.
    asleep = next(t for t, _ in done.of("deep_sleep") if t > opened)
    assert frame["sf"] == 7 and done.result.receipt["alarm_records"] == 1
    assert done.result.receipt["alarm_longest_s"] < (asleep - opened) / 1e6 <= 6
    assert any(name[0] == "0" for name in done.account.receipts)
    print(f"from the event to sleep behind the receipt: {(asleep - opened) / 1e6:.2f} s")


def test_the_second_bearer_takes_over_and_nothing_is_lost_or_twice(tmp_path: Path) -> None:
    result = run([node(tmp_path, TWO)], 1, 12 * HOUR_US, faults=[fault("wifi_away", at="2h", lasts="5h")]).nodes[0]
    assert (result.lost, result.duplicates) == (0, 0) and result.decoded == result.readings
    assert result.receipt["by_lorawan"] >= 2 and result.receipt["by_mqtt"] >= 3, result.receipt
    # The last report, five hours after the access point came back, took the first bearer again.
    assert result.transmissions[-1]["dr"] is None and result.transmissions[0]["dr"] is None


def test_a_node_without_coverage_stays_within_its_budget_and_keeps_its_readings() -> None:
    """The month with KERBSTONE_CAMPAIGN=full; make bench prints it too."""
    for name, row in bearers.silent(720 if FULL else 30).items():
        assert row["dark_mah_day"] - row["covered_mah_day"] <= bearers.CEILING_MAH, (name, row)
        assert row["kept"] > 0


def most_connections(folder: Path, spread_s: int, count: int) -> int:
    """The most connections a broker sees in one second when all nodes have their power back in the same one."""
    text = DOOR.replace("wake_pin = 1\n", "").replace('kind = "lorawan"', 'kind = "mqtt"\nlink = "burst"')
    began: dict[int, int] = {}
    for i in range(count):
        done = live(node(folder, f"{text}[delivery]\nspread_s = {spread_s}\n" if spread_s else text, f"pole{i}"), 180, seed=i)
        second = next(e[0] for e in done.events if e[2] == "publish") // 1_000_000
        began[second] = began.get(second, 0) + 1
        assert done.result.lost == 0
    return max(began.values())


def test_poles_with_power_back_at_once_do_not_connect_at_once(tmp_path: Path) -> None:
    count = 40 if FULL else 3
    assert most_connections(tmp_path, 0, count) == count
    assert most_connections(tmp_path, 120, count) < count / 2 + 1
