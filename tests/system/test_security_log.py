"""The security log all the way: written on the node, sent for a command, put together and judged by `kerbstone health`."""

from __future__ import annotations

import json

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from kerb import chainlog as device_side
from kerb.seclog import SecurityLog
from kerbstone import chainlog, selfview
from kerbstone.cli import app
from kerbstone.codec import decode, load_profile
from kerbstone.errors import CodecError

IDENTITY = {"device_id": "pole-1", "device_key": bytes(range(32))}


class Blobs(dict):
    def put(self, name, data):
        self[name] = data


def exported(log: SecurityLog) -> bytes:
    """The blob of an export, by way of its messages."""
    count, head, base, entries = log.state()
    code = device_side.code(IDENTITY["device_key"], b"pole-1", count, head)
    profile = load_profile("log")
    frames = list(device_side.pieces(cbor2.dumps([count, head, base, entries, code], canonical=True)))
    assert all(len(frame) + 5 <= 51 for frame in frames)
    return chainlog.join([decode(profile, frame).values for frame in reversed(frames)])


def story(words: list[str]) -> SecurityLog:
    log = SecurityLog(Blobs())
    for at, word in enumerate(words):
        log.note(word, 4000 * at)
    return log


@pytest.mark.security("11")
def test_a_node_sends_its_log_and_the_command_line_checks_it(kerb_node, tmp_path) -> None:
    node = kerb_node("light").run("5m")
    node.send(b"\x1e")
    node.command("configure", [1, {"colour": 3}])
    node.command("log")
    node.run("3m")
    node.command("health")
    node.run("2m")
    frames = [line.split()[-1] for line in node.console if line.startswith("kerb sent") and line.split()[-1][:2] in ("90", "c1")]
    assert len(frames) > 3
    run = CliRunner()
    done = run.invoke(app, ["health", *frames, "--device", "light", "--emulated", "1", "--save", str(tmp_path / "log"), "--json"])
    assert done.exit_code == 0, done.output
    assert [row["word"] for row in json.loads(done.output)["log"]] == ["plain", "config", "command"]
    lost = run.invoke(app, ["health", *frames[1:]])
    assert lost.exit_code and "is missing" in str(lost.exception or lost.output)
    stranger = run.invoke(app, ["health", *frames, "--device", "another", "--emulated", "1"])
    assert stranger.exit_code and "did not write this log" in str(stranger.exception or stranger.output)
    again = run.invoke(app, ["health", "--log", str(tmp_path / "log"), "--since", str(tmp_path / "log")])
    assert again.exit_code == 0 and "holds: 3 entries" in again.output


@pytest.mark.security("11")
def test_a_chain_that_was_cut_changed_or_set_back_is_found() -> None:
    log = story(["crash", "mac", "safe", "wipe"])
    older = exported(log)
    for word in ["crash", "revert"] * 7:
        log.note(word, 90_000)
    newer = exported(log)
    assert chainlog.check_against(newer, older) == 18 - 12 - 4
    chainlog.check_code(newer, IDENTITY)
    with pytest.raises(CodecError, match="set back"):
        chainlog.check_against(older, newer)
    with pytest.raises(CodecError, match="written anew"):
        chainlog.check_against(exported(story(["crash", "mac", "crash", "wipe", "safe"])), older)
    count, head, base, entries, code = cbor2.loads(newer)
    for wrong in (
        [count, head, base, entries[:3] + entries[4:], code], [count, head, base, [*entries[:-1], entries[0]], code],
        [count, head, bytes(16), entries, code], [count - 1, head, base, entries, code],
    ):  # fmt: skip
        with pytest.raises(CodecError, match="was changed"):
            selfview.security_log(cbor2.dumps(wrong))
    with pytest.raises(CodecError, match="did not write"):
        chainlog.check_code(newer, {**IDENTITY, "device_id": "pole-2"})
    good = int.from_bytes(head[:2], "big") % 65535
    chainlog.check_report(newer, {"security_events": count, "log_head": good})
    with pytest.raises(CodecError, match="not the one"):
        chainlog.check_report(newer, {"security_events": count, "log_head": (good + 1) % 65535})
    with pytest.raises(CodecError, match="set back"):
        chainlog.check_report(older, {"security_events": count, "log_head": good})


@given(st.binary(max_size=90), st.integers(0, 2**20))
def test_whatever_the_pieces_hold_the_answer_is_a_blob_or_a_sentence(raw: bytes, mask: int) -> None:
    profile = load_profile("log")
    pieces = [decode(profile, frame).values for frame in device_side.pieces(raw)]
    kept = [piece for place, piece in enumerate(pieces) if mask >> place & 1]
    try:
        for entry in selfview.security_log(chainlog.join(kept)):
            assert len(entry) == 4
    except CodecError as error:
        assert str(error).endswith(".")
