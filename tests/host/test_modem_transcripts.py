"""Every dialect against transcripts written from its manuals: what the modem says, line by line."""

import re
from pathlib import Path

import pytest
from modem_bench import Chat, echo_server

from kerbstone.emulator.modems.registry import CHIPS, modem_class

FOLDER = Path(__file__).parent / "modem_transcripts"
DIALECTS = {
    "sim7080": "SIM7080G", "sim7020": "SIM7020C", "bc660k": "BC660K", "bc66": "BC66", "bg95": "BG95", "sara_r4": "SARA-R410M",
    "sara_r5": "SARA-R510S",
}  # fmt: skip


def play(chat: Chat, script: str) -> int:
    """Says what stands behind >>, and wants what stands behind <<, in order; URCs of no interest may lie between. Returns the lines
    compared."""
    compared, data_next = 0, False
    for number, line in enumerate(script.splitlines(), 1):
        mark, _, rest = line.partition(" ")
        if mark in ("", "#"):
            continue
        if mark == ">>":
            if data_next:
                chat.wait(0.2)  # as the manuals ask for between prompt and data
            chat.got = b""
            chat.write(rest if data_next else rest + "\r")
            data_next = False
        elif mark == "<<":
            try:
                chat.until(rf"\r\n{rest}\r\n", 120)
            except AssertionError as error:
                pytest.fail(f"line {number}, << {rest}: {error}")
            chat.got = b"\r\n" + chat.got  # a line's end is the next one's beginning when two follow closely
            compared += 1
        elif mark == "<prompt>":
            chat.until(re.escape(rest))
            data_next = True
        elif mark == "<wait>":
            chat.wait(float(rest))
        elif mark == "<silence>":
            chat.got = b""
            chat.wait(float(rest))
            assert not chat.got.replace(b"AT\r", b""), f"line {number}: it said {chat.got!r}"
        elif mark == "<mode>":
            chat.wait(1)
            assert chat.modem.mode == rest, f"line {number}"
        else:
            pytest.fail(f"line {number}: {line}")
    return compared


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_modem_says_what_its_manual_says(dialect):
    with echo_server() as address:
        chat = Chat(modem_class(DIALECTS[dialect]), hosts={"echo.local": address})
        chat.start(boot_s=8)
        assert play(chat, (FOLDER / f"{dialect}.txt").read_text(encoding="utf-8")) > 15


def test_every_modem_has_a_transcript():
    assert {modem_class(chip) for chip in DIALECTS.values()} == set(CHIPS.values())
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(DIALECTS)
