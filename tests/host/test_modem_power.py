"""Keys, power saving mode, coverage, and the charge each takes, with the times and currents of the manuals."""

import pytest
from modem_bench import Chat, echo_server

from kerbstone.emulator.modems import grants
from kerbstone.emulator.modems.bc660k import Bc660k
from kerbstone.emulator.modems.registry import CHIPS, modem_class
from kerbstone.emulator.modems.sara_r5 import SaraR5
from kerbstone.emulator.modems.sim7080 import Sim7080
from kerbstone.errors import EngineError

PSM = 'AT+CPSMS=1,,,"00100110","00000001"'  # T3412 6 h, T3324 2 s
ALL = sorted(set(CHIPS.values()), key=lambda m: m.NAME)
KEYED = [m for m in ALL if not m.STARTS_WITH_SUPPLY]


@pytest.fixture
def chat():
    it = Chat(Sim7080)
    it.start()
    return it


@pytest.mark.parametrize("modem", KEYED, ids=lambda m: m.NAME)
def test_a_key_pressed_too_shortly_does_nothing(modem):
    chat = Chat(modem)
    chat.press(modem.KEYS.on_ms / 1000 - 0.01)
    chat.wait(10)
    assert (chat.modem.mode, chat.meter.state, chat.lines["status"].level) == ("off", "off", 0)
    chat.press(modem.KEYS.on_ms / 1000 + 0.01)
    assert chat.modem.mode == "boot"
    chat.wait(modem.KEYS.ready_ms / 1000)
    assert (chat.modem.mode, chat.lines["status"].level) == ("on", 1)


def test_a_modem_without_a_key_starts_with_its_supply():
    assert Chat(Bc660k).modem.mode == "boot"
    assert Chat(Sim7080, keys=False).modem.mode == "boot"


def test_sim7080_goes_off_by_its_key_by_command_and_resets_when_held(chat):
    chat.ask("AT")
    chat.press(1.3)
    assert chat.modem.mode == "stopping"
    chat.wait(1.9)
    assert (chat.modem.mode, chat.meter.current_ua) == ("off", 15.0)
    chat.start(rate=False)
    chat.write("AT+CPOWD=1\r")
    chat.until("NORMAL POWER DOWN")
    chat.wait(2)
    assert chat.modem.mode == "off"
    chat.start(rate=False)
    boots = chat.modem.boots
    chat.press(12.5)
    chat.wait(4)
    assert (chat.modem.mode, chat.modem.boots) == ("on", boots + 1)


@pytest.mark.parametrize("hung", [False, True])
@pytest.mark.parametrize("modem", [m for m in KEYED if m.KEYS.off_ms < 10_000], ids=lambda m: m.NAME)
def test_a_key_switches_off_even_one_that_hangs_and_on_again(modem, hung):
    chat = Chat(modem)
    chat.start(boot_s=8)
    chat.modem.hung = hung
    chat.press(modem.KEYS.off_ms / 1000 - 0.01)
    chat.wait(1)
    assert chat.modem.mode == "on"
    chat.press(modem.KEYS.off_ms / 1000 + 0.01)
    chat.wait(modem.KEYS.off_takes_ms / 1000 + 0.1)
    assert (chat.modem.mode, chat.meter.state, chat.lines["status"].level) == ("off", "off", 0)
    assert (modem.KEY_OFF_LINE.encode() in chat.got) or hung
    chat.start(boot_s=8, rate=False)
    assert chat.ask("AT") == ["OK"]


@pytest.mark.parametrize("modem", ALL, ids=lambda m: m.NAME)
def test_the_reset_pin_wants_its_time(modem):
    chat = Chat(modem)
    chat.start(boot_s=8)
    chat.press(modem.KEYS.reset_pin_ms / 1000 - 0.01, "reset")
    assert chat.modem.mode == "on"
    chat.press(modem.KEYS.reset_pin_ms / 1000 + 0.01, "reset")
    assert chat.modem.mode == ("off" if modem.RESET_LEAVES_OFF else "boot")


@pytest.mark.parametrize("modem", ALL, ids=lambda m: m.NAME)
def test_every_second_is_booked_at_the_current_of_its_state(modem):
    chat = Chat(modem)
    chat.start(boot_s=8)
    chat.registered()
    if modem is SaraR5:
        chat.ask("AT+UPSV=1")
    chat.ask(PSM)
    chat.wait(3600 * 13)
    chat.meter.settle()
    assert sum(chat.meter.time_us.values()) == chat.kernel.now
    assert set(chat.meter.charge_uas) == set(chat.meter.time_us)
    for state, charge in chat.meter.charge_uas.items():
        assert charge == pytest.approx(modem.CURRENT_UA[state] * chat.meter.time_us[state] / 1e6, rel=1e-9)
    # The second periodic update comes 12 h later; between, it sleeps as the network granted it.
    wakes = [f["woken"] for _, _, kind, f in chat.kernel.log.events if kind == "modem" and f["what"] == "boot" and f["woken"]]
    assert wakes == ["t3412"] * 2
    assert chat.meter.time_us["psm"] / 1e6 > 12.9 * 3600


def test_power_saving_mode_forgets_what_is_not_saved(chat):
    chat.registered()
    chat.ask("AT+CEREG=4;+CPSMSTATUS=1")
    chat.ask("AT+CNACT=0,1")
    chat.until("ACTIVE")
    assert "+CAOPEN: 0,0" in chat.ask('AT+CAOPEN=0,0,"UDP","10.1.0.10",7')
    chat.ask(PSM)
    chat.until('"ENTER PSM"')
    chat.wait(1)
    assert (chat.modem.mode, chat.meter.state, chat.lines["status"].level) == ("psm", "psm", 0)
    chat.got = b""
    chat.write("AT\r")
    chat.wait(20)
    assert chat.got == b""
    chat.press(1.1)
    text = chat.until("SMS Ready\r\n")
    assert text.index("RDY") < text.index('+CPSMSTATUS: "EXIT PSM"') < text.index("+CPIN: READY")
    chat.write("AT+CEREG?\r")
    assert "AT+CEREG?\r" in (answer := chat.until("OK\r\n")) and "+CEREG: 0," in answer
    chat.registered(10)  # without an attach
    assert "+CNACT: 0,0" in chat.ask("AT+CNACT?")[0]
    assert chat.ask("AT+CACLOSE=0")[-1] == "ERROR"
    assert chat.ask("AT+CCLK?")[0].startswith('+CCLK: "26/04')
    assert chat.ask("AT+CPSMS?")[0].startswith("+CPSMS: 1")


def test_refused_or_changed_timers_are_what_the_network_says(chat):
    chat.registered()
    chat.ask("AT+CEREG=4")
    chat.modem.cell.set(psm=False)
    chat.ask(PSM)
    chat.until(rf'\+CEREG: 1,[^\r]*,"{grants.OFF}","[01]+"\r\n')
    chat.wait(600)
    assert (chat.modem.mode, chat.meter.state) == ("on", "idle")
    chat.modem.cell.set(psm=True, active_s=30, tau_s=3600)
    chat.until(r'\+CEREG: 1,[^\r]*,"00001111","00000110"\r\n')
    assert "+CPSMRDP: 1,21600,2,3600,30" in chat.ask("AT+CPSMRDP")
    released = chat.kernel.now
    while chat.modem.mode != "psm":
        chat.wait(1)
    assert 45 < (chat.kernel.now - released) / 1e6 < 55  # 20 s of inactivity, 30 s of active time


def test_a_second_search_takes_the_place_of_the_first():
    chat = Chat(Sim7080)
    chat.start()
    chat.ask("AT+CEREG=1")
    chat.write("AT+COPS=0\r")
    chat.wait(60)
    assert chat.heard.count(b"+CEREG: 1\r\n") == 1


def test_timers_that_are_refused_while_it_waits_keep_it_awake():
    chat = Chat(modem_class("SARA-R410M"))
    chat.start(boot_s=8)
    chat.registered()
    chat.ask(PSM)
    chat.wait(18)
    for _ in range(10):  # each command holds it up for 6 s
        chat.ask("AT")
        chat.wait(3)
    chat.modem.radio.granted = chat.modem.cell.grant("00100110", grants.OFF)
    chat.wait(60)
    assert chat.modem.mode == "on"


def test_release_assistance_ends_the_connection_at_once():
    held = {}
    for mode in (0, 1, 2):
        chat = Chat(Sim7080, inactivity_s=20)
        chat.start()
        chat.registered()
        chat.ask("AT+CNACT=0,1")
        chat.until("ACTIVE")
        chat.wait(60)
        chat.ask('AT+CAOPEN=0,0,"UDP","10.1.0.10",9')
        chat.ask(f"AT+CRAI={mode};+CRRCSTATE=1")
        chat.write("AT+CASEND=0,1\r")
        chat.until("> ")
        chat.write("x")
        chat.until(r"\+CRRCSTATE: 1\r\n")
        begun = chat.kernel.now
        chat.until(r"\+CRRCSTATE: 0\r\n")
        held[mode] = (chat.kernel.now - begun) / 1e6
    assert held[0] > 19 and held[1] < 3 and held[2] > 19  # nothing came back that would end mode 2


def test_coverage_costs_time_and_charge():
    took, charge = {}, {}
    for level in (0, 1, 2):
        chat = Chat(Sim7080, coverage=level)
        chat.start()
        chat.registered(300)
        took[level] = chat.kernel.now
        assert chat.ask("AT+CPSI?")[0].split(",")[11] == str(chat.modem.cell.level.rsrp_dbm)
        chat.ask("AT+CNACT=0,1")
        chat.until("ACTIVE")
        chat.meter.settle()
        charge[level] = chat.meter.charge_uas["tx"]
    assert took[0] < took[1] < took[2]
    assert 4 * charge[0] < charge[1] and 3 * charge[1] < charge[2]


def test_without_coverage_it_searches_ever_more_rarely_and_finds_its_way_back():
    chat = Chat(Sim7080, coverage=-1)
    chat.start()
    chat.wait(3600)
    assert chat.ask("AT+CEREG?")[0] == "+CEREG: 0,2"
    assert chat.ask("AT+CSQ")[0] == "+CSQ: 99,99"
    chat.meter.settle()
    assert 200 < chat.meter.time_us["search"] / 1e6 < 500
    chat.modem.cell.set(coverage=0)
    chat.registered(340)


@pytest.mark.parametrize(("cause", "stat", "returns"), [(3, 3, False), (11, 3, True), (15, 2, True), (22, 2, True)])
def test_a_rejected_attach_shows_its_cause_and_is_tried_again_when_allowed(cause, stat, returns):
    chat = Chat(Sim7080, cause=cause)
    chat.start()
    chat.wait(60)
    assert chat.ask("AT+CEREG?")[0] == f"+CEREG: 0,{stat}"
    chat.modem.cell.set(cause=0)
    chat.wait(1000)
    assert chat.modem.radio.registered is returns
    if not returns:
        chat.ask("AT+CFUN=0")
        chat.ask("AT+CFUN=1")
        chat.registered(30)


def test_the_clock_is_unset_until_the_network_tells():
    chat = Chat(Sim7080, coverage=-1, tz_quarters=8)
    chat.start()
    assert chat.ask("AT+CCLK?")[0].startswith('+CCLK: "80/01/06,00:00:')
    chat.modem.cell.set(coverage=0)
    chat.registered(300)
    assert chat.ask("AT+CCLK?")[0].startswith('+CCLK: "26/04/03,02:') and chat.ask("AT+CCLK?")[0].endswith('+08"')
    silent = Chat(Sim7080, nitz=False)
    silent.start()
    silent.registered()
    assert silent.ask("AT+CCLK?")[0].startswith('+CCLK: "80/01/06')


WRONG_APN = {
    "SIM7080G": ("AT+CNACT=0,1", r"OK\r\n.*\+APP PDP: 0,DEACTIVE"), "BG95": ("AT+QIACT=1", "ERROR"),
    "SARA-R510S": ("AT+UPSDA=0,3", r"OK\r\n.*\+UUPSDA: 1"),
}  # fmt: skip


@pytest.mark.parametrize("chip", WRONG_APN)
def test_a_wrong_apn_gets_no_data(chip):
    chat = Chat(modem_class(chip), apn="kerb.iot")
    chat.start(boot_s=8)
    chat.registered()
    chat.write(WRONG_APN[chip][0] + "\r")
    chat.until(WRONG_APN[chip][1])


def test_the_modem_of_a_chip_nobody_emulates_is_named():
    with pytest.raises(EngineError, match="no virtual modem for chip 'A7670'"):
        modem_class("A7670")


def test_extended_drx_sleeps_lightly_and_is_paged_late():
    with echo_server() as address:
        waits, currents = [], []
        for cycle in ("", 'AT+CEDRXS=1,5,"0101"'):
            chat = Chat(Sim7080, hosts={"echo.local": address}, inactivity_s=0.5, latency_ms=3000)
            chat.start()
            chat.registered()
            chat.ask("AT+CNACT=0,1")
            chat.until("ACTIVE")
            if cycle:
                chat.ask(cycle)
                assert chat.ask("AT+CEDRXRDP") == ['+CEDRXRDP: 5,"0101","0101","0011"', "OK"]
            chat.ask('AT+CAOPEN=0,0,"UDP","echo.local",7')
            chat.ask("AT+CSCLK=1")
            chat.write("AT+CASEND=0,1\r")
            chat.until("> ")
            chat.write("x")
            chat.until("OK\r\n")
            begun = chat.kernel.now
            chat.lines["dtr"].drive(1)
            chat.wait(3)
            currents.append((chat.meter.state, chat.meter.current_ua))
            chat.write("AT\r")  # nobody hears it
            chat.until(r"\+CADATAIND: 0", 90)
            waits.append((chat.kernel.now - begun) / 1e6)
        assert currents == [("sleep", 1200.0), ("edrx", 590.0)]
        assert waits[0] < 8 and 3 < waits[1] < 90 and waits[1] > waits[0]


def test_a_host_that_is_faster_than_the_radio_waits_for_it_after_a_wake():
    chat = Chat(modem_class("BG95"))
    chat.start(boot_s=8)
    chat.registered()
    assert chat.ask("AT+QIACT=1") == ["OK"]
    chat.ask(PSM)
    while chat.modem.mode != "psm":
        chat.wait(1)
    chat.press(0.6)
    chat.wait(2.5)
    chat.got = b""
    assert chat.modem.radio.asleep
    assert chat.ask("ATE0")[-1] == "OK"
    assert chat.ask("AT+QIACT=1")[-1] == "OK"
    chat.ask("AT+CPSMS?")
    while chat.modem.mode != "psm":
        chat.wait(1)
    chat.modem.cell.set(coverage=-1)
    chat.press(0.6)
    chat.wait(2.5)
    assert chat.ask("AT+QIACT=1", 10)[-1] == "ERROR"
