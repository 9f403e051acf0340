"""The line of a modem: V.250 and the command grammar of 27.007, whatever comes."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modem_bench import Chat

from kerbstone.emulator.modems import at, grants
from kerbstone.emulator.modems.registry import CHIPS, modem_class
from kerbstone.emulator.modems.sim7080 import Sim7080


@pytest.fixture
def chat():
    it = Chat(Sim7080)
    it.start()
    return it


def test_commands_of_one_line_answer_once(chat):
    assert chat.ask("AT+CMEE=1;+CEREG=4;+CMEE?") == ["+CMEE: 1", "OK"]
    assert chat.ask("AT+CEREG=2;+NOSUCH;+CEREG=5")[-1] == "ERROR"
    assert chat.ask("AT+CMEE?;") == ["+CMEE: 1", "OK"]
    assert chat.modem.live["cereg"] == 2


def test_echo_comes_before_the_answer_and_can_be_switched_off(chat):
    chat.ask("ATE1")
    chat.got = b""
    chat.write("at+cmee?\r")
    assert chat.until("OK\r\n") == "at+cmee?\r\r\n+CMEE: 0\r\n\r\nOK\r\n"


def test_a_wrong_character_can_be_taken_back(chat):
    chat.write("AT+CMEX\x08E?\r")
    assert "+CMEE: 0" in chat.until("OK\r\n")
    chat.write("xxAT+CMEE?\r")
    assert "+CMEE: 0" in chat.until("OK\r\n")
    chat.write("A/\r")
    assert "+CMEE: 0" in chat.until("OK\r\n")


def test_errors_take_the_form_cmee_asks_for():
    chat = Chat(modem_class("SARA-R410M"))
    chat.start(boot_s=8)
    shapes = {0: "ERROR", 1: "+CME ERROR: 3", 2: "+CME ERROR: operation not allowed"}
    for mode, shape in shapes.items():
        chat.ask(f"AT+CMEE={mode}")
        assert chat.ask("AT+USOCL=3")[-1] == shape


def test_autobaud_finds_the_rate_and_says_nothing_before():
    chat = Chat(Sim7080)
    chat.press(1.2)
    chat.wait(10)
    assert chat.heard == b""
    chat.modem.baud = 9600
    chat.write("AT\r")
    assert chat.until("OK\r\n")
    assert chat.modem.baud == 115_200


def test_a_fixed_rate_has_boot_lines():
    chat = Chat(Sim7080, baud=115_200)
    chat.press(1.2)
    chat.wait(10)
    assert chat.heard.decode().split() == ["RDY", "+CFUN:", "1", "+CPIN:", "READY", "SMS", "Ready"]


def test_answers_take_their_time_and_commands_queue(chat):
    before = chat.kernel.now
    chat.write("AT\rAT+CMEE?\r")
    text = chat.until(r"OK\r\n.*OK\r\n")
    assert text.index("OK") < text.index("+CMEE")
    assert 40_000 < chat.kernel.now - before < 140_000


def test_a_urc_may_come_between_information_and_ok(chat):
    chat.ask("AT+CEREG=2")
    chat.write("AT+CGATT=1\r")
    text = chat.until("OK\r\n")
    assert "+CEREG: 1" in text and text.index("+CEREG: 1") < text.index("OK")


def test_output_is_cut_at_any_byte():
    chat = Chat(Sim7080)
    chat.start()
    pieces = []
    chat.modem.to_mcu = pieces.append
    for _ in range(300):
        chat.write("ATI\r")
        chat.wait(0.2)
    whole = b"\r\nR1951.01\r\n"
    cuts = {len(p) for p in pieces if p != whole and whole.startswith(p)}
    assert b"".join(pieces) == (whole + b"\r\nOK\r\n") * 300
    assert len(cuts) > 6


TEXT = st.text(string.ascii_uppercase + string.digits + '+=?,";*&$ \\', max_size=40)


@given(TEXT)
@settings(max_examples=300, deadline=None)
def test_any_line_parses_or_is_refused(text):
    try:
        commands = at.parse(text)
    except at.Failed:
        return
    assert all(c.name and c.kind in ("run", "read", "test", "set") for c in commands)


@given(st.binary(max_size=60), st.sampled_from(sorted(set(CHIPS.values()), key=lambda m: m.NAME)))
@settings(max_examples=120, deadline=None)
def test_no_bytes_on_the_line_break_a_modem(data, modem):
    chat = Chat(modem)
    chat.start(boot_s=8)
    for text in (data, b"\r", b"AT+" + data + b"\r", b'AT+CGDCONT=1,"' + data + b'"\r'):
        chat.write(text)
        chat.wait(0.3)
    chat.wait(10)  # a data mode gives up
    chat.write("\x1b\r")
    chat.wait(70)
    chat.got = b""
    chat.write("AT\r")
    assert chat.until("OK\r\n", 20)


@given(st.lists(st.sampled_from(['"x"', "0", "1", "65535", "-1", "", '"10.1.0.1"', "AB", '""', "99999999999"]), max_size=8))
@settings(max_examples=40, deadline=None)
def test_no_arguments_break_a_command(args):
    """Every command of every dialect, registered or not, with any arguments."""
    for modem in sorted(set(CHIPS.values()), key=lambda m: m.NAME):
        chat = Chat(modem)
        chat.modem.boot()
        chat.modem.mode = "on"
        for name, handler in sorted(chat.modem.COMMANDS.items()):
            if name in ("+CFUN", "+CPOWD", "+CREBOOT", "+CRESET", "+QRST", "+QPOWD", "+CPWROFF"):
                continue
            for kind in ("read", "test", "run", "set"):
                command = at.Command(name, kind, at.split(",".join(args)) if kind == "set" and args else ())
                try:
                    work = handler(chat.modem, command)
                    if work is not None and not isinstance(work, str):
                        next(work)
                        work.close()
                except (at.Failed, StopIteration):
                    pass


def test_timer_bits_are_those_of_the_standard():
    """TS 24.008: examples of the operators' guides."""
    assert grants.t3412_s("01000111") == 70 * 3600
    assert grants.t3412_s("00100110") == 6 * 3600
    assert grants.t3324_s("00000010") == 4
    assert grants.t3324_s("11100000") is None
    for seconds in (2, 60, 62, 600, 3240, 86_400, 1_152_000):
        assert grants.t3412_s(grants.t3412_bits(seconds)) >= seconds
    assert grants.t3324_bits(None) == grants.OFF
