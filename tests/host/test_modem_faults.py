"""Faults of cell, modem and wire: each has the shape it has in the field, its end, and the same chance in the same run."""

import random
from types import SimpleNamespace

import pytest
from modem_bench import Chat, echo_server
from test_modem_data import UDP, reopen, sim7020_udp, sim7080_udp, up

from kerbstone.build.node import load_node
from kerbstone.emulator.faults import fault, read_word
from kerbstone.emulator.faults.arm import check_orders
from kerbstone.emulator.faults.catalogue import FAULTS
from kerbstone.emulator.faults.model import Scene, Target
from kerbstone.emulator.modems.registry import modem_class
from kerbstone.emulator.modems.sim7080 import Sim7080
from kerbstone.errors import FaultError

MINE = [name for name, row in FAULTS.items() if row.begin.__module__.endswith(".cellular")]


def strike(chat, name, **values):
    """Lets a fault begin; returns what ends it."""
    order = fault(name, **values)
    runtime = SimpleNamespace(parts={"modem": chat.modem}, node=SimpleNamespace(name="node"))
    target = Target(Scene(chat.kernel, 1, {}, None), name, runtime, order.values, random.Random(5))
    return FAULTS[name].begin(target)


@pytest.fixture
def chat():
    it = Chat(Sim7080)
    it.start()
    it.registered()
    return it


def test_every_fault_of_a_modem_is_for_nodes_that_have_one():
    assert len(MINE) == 13
    parking, bin_ = load_node("parking"), load_node("bins_nbiot")
    for name in MINE:
        word = f"{name}:at=1h"
        check_orders([read_word(word)], [bin_])
        with pytest.raises(FaultError, match="has no cellular modem"):
            check_orders([read_word(word)], [parking])


def test_coverage_goes_and_comes_back(chat):
    chat.ask("AT+CEREG=2")
    end = strike(chat, "cell_away")
    chat.until(r"\+CEREG: 2\r\n", 20)
    assert chat.ask("AT+CSQ")[0] == "+CSQ: 99,99"
    end()
    chat.until(r"\+CEREG: 1,", 340)


def test_one_that_sleeps_notices_only_when_it_wakes(chat):
    chat.ask('AT+CPSMSTATUS=1;+CPSMS=1,,,"00100110","00000001"')
    chat.until('"ENTER PSM"')
    end = strike(chat, "cell_away")
    chat.wait(3600)
    assert chat.modem.mode == "psm" and chat.modem.radio.stat == 1
    chat.press(1.1)
    chat.wait(10)
    chat.ask("ATE0")
    chat.got = b""
    assert chat.ask("AT+CEREG?") == ["+CEREG: 0,2", "OK"]
    end()


def test_a_rejected_modem_is_put_out_and_let_in_again(chat):
    chat.ask("AT+CEREG=2")
    end = strike(chat, "cell_reject", cause=11)
    chat.until(r"\+CEREG: 3\r\n", 60)
    end()
    chat.until(r"\+CEREG: 1,", 800)


def test_another_cell_shows_in_cereg(chat):
    chat.ask("AT+CEREG=2")
    before = chat.ask("AT+CEREG?")[0]
    strike(chat, "cell_change")
    text = chat.until(r'\+CEREG: 1,"5AE2","[0-9A-F]+",9\r\n')
    assert before.split('"')[3] not in text


def test_timers_change_and_psm_is_refused(chat):
    chat.ask("AT+CEREG=4")
    chat.ask('AT+CPSMS=1,,,"00100110","00000001"')
    chat.until('"00000001","00100110"')
    end = strike(chat, "psm_timers", active="30s", tau="1h")
    chat.until('"00001111","00000110"')
    end()
    end = strike(chat, "psm_refused")
    chat.until('"11100000",')
    chat.wait(300)
    assert chat.modem.mode == "on"
    end()
    chat.wait(60)
    assert chat.modem.mode == "psm"


@pytest.mark.parametrize("chip", UDP)
def test_dead_sockets_look_alive_until_they_are_opened_anew(chip):
    with echo_server() as address:
        chat = up(chip, hosts={"echo.local": address})
        UDP[chip](chat, b"first")
        strike(chat, "sockets_lost")
        (connection,) = chat.modem.connections()
        got: list[bytes] = []
        left: list[bool] = []
        connection.on_data = got.append
        connection.send(b"lost", left.append)
        chat.wait(30)
        assert (got, left) == ([], [True])
        chat.modem.forget()
        reopen(chat, chip)
        assert UDP[chip](chat, b"again") == b">again"


def test_a_dead_link_needs_a_restart():
    with echo_server() as address:
        chat = up("SIM7020C", hosts={"echo.local": address})
        strike(chat, "sockets_lost", cure="restart")
        with pytest.raises(AssertionError, match="did not come"):
            sim7020_udp(chat, b"x")
        chat.ask("AT+CRESET")
        chat.wait(8)
        chat.ask("AT")
        chat.ask("ATE0")
        chat.registered()
        assert sim7020_udp(chat, b"x") == b">x"


@pytest.mark.parametrize(("cure", "helps"), [("escape", True), ("power", False)])
def test_data_mode_that_does_not_end(cure, helps):
    with echo_server() as address:
        chat = up("SIM7080G", hosts={"echo.local": address})
        chat.ask('AT+CAOPEN=0,0,"UDP","echo.local",7')
        strike(chat, "modem_stuck", cure=cure)
        chat.write("AT+CASEND=0,5\r")
        chat.until("> ")
        chat.write("hello")
        chat.wait(30)
        chat.got = b""
        chat.write("AT\r")
        chat.wait(2)
        assert chat.got == b""
        chat.write("\x1b")
        chat.wait(1)
        chat.got = b""
        chat.write("AT\r")
        chat.wait(2)
        assert (b"OK" in chat.got) is helps
        chat.got = b""
        if not helps:
            chat.press(1.5)
            chat.wait(3)
            chat.start(rate=False)
            chat.registered()
            reopen(chat, "SIM7080G")
        else:
            assert chat.ask("AT+CACLOSE=0")[-1] == "OK"
        chat.got = b""
        assert sim7080_udp(chat, b"hello") == b">hello"


def test_a_reboot_in_the_middle_of_a_command_loses_its_answer(chat):
    chat.write("AT+COPS=?\r")
    chat.wait(5)
    end = strike(chat, "modem_reboot", every="1h")
    chat.until("RDY\r\n")
    chat.wait(60)
    chat.got = b""
    assert b"+COPS" not in chat.heard.partition(b"AT+COPS=?")[2]
    assert chat.ask("ATE0")[-1] == "OK"
    assert chat.ask("AT+CNACT?")[0] == '+CNACT: 0,0,"0.0.0.0"'
    boots = chat.modem.boots
    chat.wait(3600)
    assert chat.modem.boots == boots + 1
    end()
    chat.wait(7200)
    assert chat.modem.boots == boots + 1


def test_one_that_hangs_needs_its_key(chat):
    strike(chat, "modem_hang")
    chat.got = b""
    chat.write("AT\r")
    chat.wait(30)
    assert chat.got == b""
    chat.press(1.3)
    chat.wait(3)
    chat.start(rate=False)
    assert chat.ask("AT") == ["OK"]


def test_noise_changes_characters_both_ways_and_ends(chat):
    end = strike(chat, "modem_noise", share=0.05)
    whole = 0
    for _ in range(60):
        chat.got = b""
        chat.write("ATI\r")
        chat.wait(0.5)
        whole += chat.got == b"\r\nR1951.01\r\n\r\nOK\r\n"
    assert 2 < whole < 40
    end()
    chat.write("\r")
    chat.wait(70)
    chat.got = b""
    assert chat.ask("ATE0") and chat.ask("ATI") == ["R1951.01", "OK"]


def test_the_same_seed_is_the_same_noise_and_the_same_times():
    def run(seed):
        chat = Chat(modem_class("BG95"), seed=seed, loss=0.3)
        chat.start(boot_s=8)
        strike(chat, "modem_noise", share=0.02)
        for _ in range(40):
            chat.write("ATI;+CEREG?;+QCSQ\r")
            chat.wait(3)
        return chat.heard, chat.meter.charge_uas

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_servers_behind_the_cell_can_be_away():
    with echo_server() as address:
        chat = up("SIM7020C", hosts={"echo.local": address})
        for how in ("half_open", "deaf", "refused"):
            end = strike(chat, "cell_server", how=how)
            with pytest.raises(AssertionError, match="did not come"):
                sim7020_udp(chat, b"x")
            end()
            chat.modem.forget()
        assert sim7020_udp(chat, b"x") == b">x"
