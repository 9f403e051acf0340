"""TLS of emulated nodes: real handshakes under the virtual clock, the same log from the same seed, dates by the board's own RTC."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kerbstone.build.node import Node, load_node
from kerbstone.emulator.run import START_UTC, run
from kerbstone.errors import NodeFileError

FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
HOUR_US = 3_600_000_000
YEAR_S = 31_557_600

TEXT = """
[node]
board = "heltec_wifi_lora_32_v3"
app = "bins"
[parts.climate]
driver = "sht4x"
bus = "i2c.main"
period_s = 600
[app]
report_s = 600
[uplink]
kind = "mqtt"
{uplink}
"""


def node(folder: Path, uplink: str) -> Node:
    (folder / "sleeper.toml").write_text(TEXT.format(uplink=uplink))
    return load_node(str(folder / "sleeper.toml"))


@pytest.mark.parametrize("mode", ["server", "mutual"] if FULL else ["mutual"])
def test_every_report_crosses_tls_and_the_run_repeats(tmp_path: Path, mode: str) -> None:
    sleeper = node(tmp_path, f'tls = "{mode}"\nlink = "burst"')
    first, second = (run([sleeper], 1, 2 * HOUR_US) for _ in range(2))
    (done,) = first.nodes
    assert (done.lost, done.duplicates, done.waiting) == (0, 0, 0) and done.decoded == done.readings > 2
    assert first.event_log_sha256 == second.event_log_sha256
    assert done.charge_uas == second.nodes[0].charge_uas
    assert not [note for note in done.notes if "mqtt_" in note]


def test_a_certificate_out_of_its_time_is_refused_by_the_boards_own_clock(tmp_path: Path) -> None:
    """The clock of the board shows 2000 until NTP; the run takes place in 2096, and the certificate ends in 2090."""
    (done,) = run([node(tmp_path, 'tls = "server"')], 1, HOUR_US // 2, start_utc=START_UTC + 70 * YEAR_S).nodes
    assert done.decoded == 0 and done.lost == 0 and done.waiting == done.readings
    assert any("has expired: renew it" in note for note in done.notes), done.notes


def test_without_a_time_server_the_node_does_not_connect_and_says_why(tmp_path: Path) -> None:
    (done,) = run([node(tmp_path, 'tls = "server"\nntp = "nowhere.example"')], 1, HOUR_US // 2).nodes
    assert done.decoded == 0 and done.lost == 0
    assert any("cannot be checked before the clock is set, and nowhere.example gives no time" in note for note in done.notes)


def test_a_shared_key_is_said_to_be_out_of_the_emulators_reach(tmp_path: Path) -> None:
    with pytest.raises(NodeFileError, match="no TLS-PSK"):
        run([node(tmp_path, 'tls = "psk"')], 1, HOUR_US)


def test_presence_is_told_at_each_connection_and_withdrawn_before_a_goodbye(tmp_path: Path) -> None:
    (done,) = run([node(tmp_path, 'presence = true\nlink = "burst"\nsession = "clean"')], 1, HOUR_US).nodes
    assert done.lost == 0 and done.decoded == done.readings > 1


@pytest.mark.parametrize(
    ("uplink", "words"),
    [('static_ip = ["10.0.0.7"]', "address, netmask, gateway"), ('static_ip = ["x", "y", "z", "w"]', "static_ip"), ('tls = "yes"', "tls")],
)
def test_what_the_node_file_gets_wrong_is_told_with_its_line(tmp_path: Path, uplink: str, words: str) -> None:
    with pytest.raises(NodeFileError, match=words):
        node(tmp_path, uplink)
