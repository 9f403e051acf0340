"""Every rule refuses (or warns of) a node that breaks it and lets its neighbour pass; a message names rule, line and row."""

import pytest

from kerbstone.build.board import board_names, load_board
from kerbstone.build.check import check
from kerbstone.build.checks.power import peak_ma
from kerbstone.build.checks.sleep import SESSION, retained_bytes
from kerbstone.build.checks.sources import literal
from kerbstone.build.checks.table import RULES
from kerbstone.build.chips import RADIO_TX_MA
from kerbstone.build.compile import node_json
from kerbstone.build.node import load_node
from kerbstone.emulator import runtime
from kerbstone.emulator.board.limits import LIMITS
from kerbstone.emulator.board.timing import Timing
from kerbstone.emulator.cell import CellOrder, run_cell
from kerbstone.emulator.parts.sx1262_power import DEVICES
from kerbstone.emulator.run import START_UTC
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir, firmware_dir

READY = ("parking", "bins", "air", "light", "terminal", "bins_nbiot")
NODES = {name: (boards_dir() / "nodes" / f"{name}.toml").read_text() for name in READY}
HELTEC, OLIMEX = "heltec_wifi_lora_32_v3", "olimex_esp32_poe"
SIM7080 = "lilygo_t_sim7080g_s3_standard"
XIAO_C3, RAK = "xiao_esp32c3_wio_sx1262_header", "rak11310"
XIAO_S3, XIAO_KIT = "xiao_esp32s3_wio_sx1262_header", "xiao_esp32s3_wio_sx1262"


def bare(board, parts="", policy="", battery="", head="", kind="lorawan", bus="i2c.main"):
    """A node with the parts alone."""
    return f"""[node]
board = "{board}"
app = "bins"
{head}
[parts.climate]
driver = "sht4x"
bus = "{bus}"
period_s = 600
{parts}
[uplink]
kind = "{kind}"
[policy]
{policy}
{battery}
"""


def second(wake_pin, level, name="tilt"):
    return f'[parts.{name}]\ndriver = "lis2dh12"\nbus = "i2c.main"\nperiod_s = 600\nwake_pin = {wake_pin}\nwake_level = {level}\n'


def cell(name, more=""):
    return f'[battery]\ncell = "{name}"\n{more}'


PULSE = '[parts.water]\ndriver = "pulse"\nperiod_s = 600\npulse_pin = 7\nwake_pin = 7\n'


def change(node, *pairs):
    text = NODES[node]
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def lorawan(lines, policy="deep_sleep = false", head="", battery=""):
    """A node with `lines` in its uplink table."""
    return bare(HELTEC, policy=policy, head=head, battery=battery).replace('kind = "lorawan"\n', f'kind = "lorawan"\n{lines}\n')


def behind(text):
    """The same with LoRaWAN as the second bearer, behind Wi-Fi."""
    return text.replace("[uplink]\n", '[uplink]\nkind = "mqtt"\n[second]\n')


PIN = '[parts.supply]\ndriver = "battery"\npin = {}\nratio = 2.0\nperiod_s = 600\n'
MAGNET = '[parts.mag]\ndriver = "lis2mdl"\nbus = "i2c.main"\nperiod_s = 600\n'
WATCHED, WAKES = f'{MAGNET}watch = "ulp"\n', "wake_pin = 1\n"
# rule -> [(a node that breaks it, words of the message, a node that only just does not)]
CASES = {
    "application": [(change("bins", ('app = "bins"', 'app = "bin"')), "'bins'", NODES["bins"])],
    "settings": [
        (change("bins", ("report_s = 3600", "reprot_s = 3600")), "'report_s'", change("bins", ("report_s = 3600", "report_s = 1800"))),
    ],
    "driver": [(change("bins", ('driver = "sht4x"', 'driver = "sht4y"')), "'sht4x'", NODES["bins"])],
    "option": [(change("bins", ("burst = 5", "brust = 5")), "'burst'", change("bins", ("burst = 5", "burst = 7")))],
    "value": [
        (change("terminal", ("register = 0x000C", "regster = 0x000C")), "'register'", NODES["terminal"]),
        (change("terminal", ("kind = \"float32\"", "kind = \"float\"")), "uint32, float32", NODES["terminal"]),
        (change("terminal", ("{ index = 0 }", "{ index = -1 }")), "whole number from 0 to 98", NODES["terminal"]),
        (change("terminal", ("{ index = 0 }", "{ index = 0, min = \"a\" }")), "should be a number",
         change("terminal", ("{ index = 0 }", "{ index = 0, min = -1.5 }"))),
        (change("terminal", ("{ index = 0 }", "3")), "should be a table", None),
        (bare(HELTEC, '[parts.meter]\ndriver = "modbus"\nbus = "uart.main"\nperiod_s = 60\n'), "reads nothing", None),
    ],
    "channel": [
        (change("terminal", ("hysteresis = 200", "hystersis = 200")), "'hysteresis'", NODES["terminal"]),
        (change("terminal", ('source = "well.soil"', 'source = "well.soli"')), "'well.soil'", NODES["terminal"]),
        (change("terminal", ('source = "well.soil"\n', "")), "has no source", None),
        (change("terminal", ("low = 2.0", "low = \"2\"")), "should be a number", NODES["terminal"]),
        (change("terminal", ("high = 5000", "high = 5000\nlow = 6000")), "both alarms", change("terminal", ("high = 5000", "low = 10"))),
        (change("terminal", ("step = 0.5", "step = 0.3")), "no whole number of steps", None),
        (change("terminal", ("max = 40000000", "max = 400000000")), "22 is the most", None),
        (change("terminal", ("number = 128 ", "number = 12 ")), "128 to 255", change("terminal", ("number = 128 ", "number = 255 "))),
        (change("terminal", ("[app.channels.door]", "[app.channels.cause]")), "another name", None),
    ],
    "world": [(change("terminal", ("[world.parts.pipe]", "[world.parts.pip]")), "'pipe'", NODES["terminal"])],
    "bus": [(bare("lilygo_t3_s3").replace("i2c.main", "i2c.qwic"), "i2c.qwiic", bare("lilygo_t3_s3").replace("i2c.main", "i2c.qwiic"))],
    "rail": [(change("bins", ('rail = "vext"', 'rail = "vexd"')), "'vext'", NODES["bins"])],
    "supply": [
        (bare("xiao_esp32s3_wio_sx1262_header", '[parts.supply]\ndriver = "battery"\nperiod_s = 600\n'), "measure",
         bare("xiao_esp32s3_wio_sx1262_header", PIN.format(1))),
    ],
    "bearer": [
        (change("light", ('board = "pico_w"', 'board = "pico"')), "no Wi-Fi", NODES["light"]),
        (change("bins", (HELTEC, "firebeetle2_esp32e"), ('rail = "vext"\n', "")), "no LoRa radio", NODES["bins"]),
        (change("bins_nbiot", (SIM7080, HELTEC), ("power_pin = 21", "power_pin = 6")), "no cellular modem", NODES["bins_nbiot"]),
    ],
    "modem": [
        (change("bins_nbiot", ('kind = "nbiot"', 'kind = "nbiot"\nmodem = "SIM7000G"')), "no dialect for the modem SIM7000G",
         change("bins_nbiot", ('kind = "nbiot"', 'kind = "nbiot"\nmodem = "BG95"'))),
        (bare("lilygo_t_a7670", policy="deep_sleep = false", kind="nbiot"), "modem.chip = A7670",
         bare("waveshare_pico_sim7080g", policy="deep_sleep = false", kind="nbiot")),
        (bare("lilygo_t_sim7080g_s3", policy="deep_sleep = false", kind="nbiot", bus="i2c.pmu"), "modem.pmu_rail = main.dc3",
         bare("waveshare_pico_sim7080g", policy="deep_sleep = false", kind="nbiot")),
        (change("bins_nbiot", ("active_s = 2", "edrx_s = 82")), "take edrx_s away", NODES["bins_nbiot"]),
        (change("bins_nbiot", ('kind = "nbiot"', 'kind = "nbiot"\nprotocol = "mqtt"\nmodem = "SARA-R410M"')), 'choose protocol = "coap"',
         change("bins_nbiot", ('kind = "nbiot"', 'kind = "nbiot"\nprotocol = "mqtt"'))),
    ],
    "class": [
        (lorawan('class = "C"', policy=""), "deep_sleep = false", lorawan('class = "C"')),
        (behind(lorawan('class = "C"', policy="")), "deep_sleep = false", behind(lorawan('class = "C"'))),
        (lorawan('class = "C"', battery=cell("lsh20")), "5 mA", lorawan('class = "A"', battery=cell("lsh20"))),
    ],
    "package": [
        (lorawan('packages = ["clock"]', policy=""), "forget", lorawan('packages = ["clock"]')),
        (behind(lorawan('packages = ["clock"]', policy="")), "forget", behind(lorawan('packages = ["clock"]'))),
    ],
    "laboratory": [
        (lorawan('packages = ["certification"]'), "production = false", lorawan('packages = ["certification"]', head="production = false")),
    ],
    "pin-missing": [
        (bare(HELTEC, '[parts.soil]\ndriver = "ds18b20"\nperiod_s = 60\n'), "'data_pin'",
         bare(HELTEC, '[parts.soil]\ndriver = "ds18b20"\ndata_pin = 6\nperiod_s = 60\n')),
        (bare(HELTEC, '[parts.meter]\ndriver = "hlw8012"\ncf_pin = 6\ncf1_pin = 7\nperiod_s = 60\n'), "'sel_pin'", None),
        (bare(HELTEC, '[parts.level]\ndriver = "hc_sr04"\ntrig_pin = 6\nperiod_s = 60\n'), "'echo_pin'", None),
    ],
    "pin-exists": [
        (change("light", ("relay_pin = 14", "relay_pin = 30")), "no GPIO30", change("light", ("relay_pin = 14", "relay_pin = 22"))),
    ],
    "wake-pin": [
        (bare(HELTEC, second(40, 1)), "use one of 0, 1, 2", bare(HELTEC, second(7, 1))),
        (bare(HELTEC, second(40, 1)), "mcu = esp32s3", bare(HELTEC, second(40, 1), "deep_sleep = false")),
        (bare(XIAO_C3, second(10, 1)), "use one of 0, 1, 2, 3, 4, 5.", bare(XIAO_C3, second(2, 1), head="allow_strapping = [2]")),
    ],
    "wake-level": [
        (bare(HELTEC, second(7, 1) + second(6, 0, "lid")), "parts.tilt", bare(HELTEC, second(7, 1) + second(6, 1, "lid"))),
    ],
    "wake-count": [(bare(HELTEC, PULSE + second(6, 1)), "parts.water counts through deep sleep", bare(HELTEC, PULSE))],
    "watch": [
        (bare(XIAO_C3, WATCHED + WAKES), "no coprocessor this firmware has a program for", bare(XIAO_C3, MAGNET + WAKES)),
        (bare(RAK, WATCHED, "deep_sleep = false"), "mcu = rp2040", bare(RAK, MAGNET, "deep_sleep = false")),
        (bare(XIAO_S3, WATCHED + WAKES), "cannot move GPIO44", bare(XIAO_S3, MAGNET + WAKES)),
        (bare(XIAO_KIT, WATCHED), "a wake_pin, too", bare(XIAO_KIT, WATCHED + WAKES)),
        (bare(XIAO_KIT, WATCHED + WAKES, "deep_sleep = false"), "in deep sleep", bare(XIAO_KIT, WATCHED + WAKES)),
        (bare(XIAO_KIT, WATCHED.replace("ulp", "dog")), "the only watch is", bare(XIAO_KIT, WATCHED + WAKES)),
    ],
    "pin-twice": [
        (change("terminal", ("tamper_pin = 27", "tamper_pin = 26")), "water.pulse_pin", NODES["terminal"]),
        (change("parking", ("wake_pin = 1 ", "wake_pin = 5 ")), "i2c.main sda", change("parking", ("wake_pin = 1 ", "wake_pin = 4 "))),
        (bare(RAK, PIN.format(25)), "radio antenna switch supply", None),
    ],
    "pin-reserved": [
        (bare(HELTEC, second(17, 1)), "reserved.OLED", bare(HELTEC, second(6, 1))),
        (change("light", ("relay_pin = 14", "relay_pin = 23")), "Wi-Fi chip", NODES["light"]),
    ],
    "strapping": [
        (bare(HELTEC, second(3, 1)), "allow_strapping = [3]", bare(HELTEC, second(3, 1), head="allow_strapping = [3]")),
        (bare(HELTEC, second(0, 1), head="allow_strapping = [3]"), "GPIO0", bare(HELTEC, second(4, 1))),
    ],
    "analog": [
        (change("air", ('driver = "battery"\n', 'driver = "battery"\npin = 14\n')), "while Wi-Fi runs",
         change("air", ('driver = "battery"\n', 'driver = "battery"\npin = 33\n'))),
        (bare(HELTEC, PIN.format(33)), "cannot be measured", bare(HELTEC, PIN.format(20))),
    ],
    "cell": [
        (bare(HELTEC, battery=cell("er34615hh")), "'er34615h'", bare(HELTEC, battery=cell("er34615h"))),
        (bare(HELTEC, battery=cell("ls33600", 'buffer = "hpc152"')), "'hpc1520'",
         bare(HELTEC, battery=cell("ls33600", 'buffer = "hpc1520"'))),
    ],
    "budget": [
        (bare(HELTEC, battery="[budget]\nlife_years = 8"), "needs a [battery]",
         bare(HELTEC, battery=cell("ls33600") + "[budget]\nlife_years = 8")),
    ],
    "peak-current": [
        (bare(HELTEC, battery=cell("er14505h")), "cell.er14505h; boards/heltec", bare(HELTEC, battery=cell("er14505h", "parallel = 2"))),
        (bare(HELTEC, battery=cell("er14505h")), "98 mA", bare(HELTEC, battery=cell("er14505h", 'buffer = "hpc1520"'))),
        (change("air", ("[app]", cell("er34615h") + "\n[app]")), "wifi.peak = 240000", change("air", ("[app]", cell("lsh20") + "\n[app]"))),
    ],
    "memory": [(bare("waveshare_pico_lora_sx1262"), "keeps 28 bytes", bare("waveshare_pico_lora_sx1262", policy="deep_sleep = false"))],
}
WARNINGS = {
    "sleep-time": (
        bare("pico_w").replace('app = "bins"', 'app = "own"').replace("600", "7200").replace('"lorawan"', '"mqtt"'), "4295 s",
        bare("pico_w").replace('app = "bins"', 'app = "own"').replace("600", "3600").replace('"lorawan"', '"mqtt"'),
    ),
    "sleep-current": (
        bare(RAK, policy="deep_sleep = false", battery=cell("er14505h", "parallel = 2")), "awake",
        bare(HELTEC, battery=cell("er34615h")),
    ),
}


def node_of(tmp_path, text):
    (tmp_path / "mine.toml").write_text(text)
    return load_node(str(tmp_path / "mine.toml"))


def own_app(tmp_path):
    """An application that does not say what it keeps: so the memory rule has nothing to say."""
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "own.py").write_text("class App:\n    pass\n")


def test_every_rule_has_a_case_and_every_case_a_rule():
    assert {r.id for r in RULES} == set(CASES) | set(WARNINGS)
    assert all(r.says.endswith(".") for r in RULES)


@pytest.mark.parametrize(("rule", "bad", "words", "good"), [(rule, *case) for rule, cases in CASES.items() for case in cases])
def test_a_rule_refuses_what_breaks_it_and_nothing_beside_it(tmp_path, rule, bad, words, good):
    with pytest.raises(NodeFileError) as caught:
        check(node_of(tmp_path, bad))
    said = str(caught.value)
    assert said.startswith("mine.toml:") and f"(rule {rule}" in said and words in said and "\n" not in said
    if good:
        check(node_of(tmp_path, good))


@pytest.mark.parametrize("rule", WARNINGS)
def test_a_warning_is_returned_and_refuses_nothing(tmp_path, rule):
    own_app(tmp_path)
    bad, words, good = WARNINGS[rule]
    said = check(node_of(tmp_path, bad))
    assert len(said) == 1 and f"(rule {rule}" in said[0] and words in said[0] and said[0].startswith("mine.toml:")
    assert check(node_of(tmp_path, good)) == []


def test_the_classic_esp32_does_not_wake_by_any_of_several_low_pins(tmp_path):
    parts = second(32, 0) + second(33, 0, "lid")
    text = bare(OLIMEX, parts).replace("i2c.main", "i2c.uext").replace('"lorawan"', '"mqtt"')
    with pytest.raises(NodeFileError, match="only when all wake pins are low"):
        check(node_of(tmp_path, text))
    check(node_of(tmp_path, text.replace("wake_level = 0", "wake_level = 1")))


@pytest.mark.parametrize("name", NODES)
def test_the_ready_nodes_raise_no_warning(name):
    assert check(load_node(name)) == []


# -- the figures behind the rules ---------------------------------------------------------------------------


def test_peak_current_is_the_boards_and_the_radios_at_the_power_of_the_region():
    # EU868 ends at 16 dBm; the next amplifier setting is 17 dBm at 58 mA.
    assert peak_ma(load_node("bins"))[0] == 40 + 58
    assert peak_ma(load_node("parking"))[0] == 40 + 58
    assert peak_ma(load_node("light"))[0] == 340


def test_the_radio_draws_in_the_rule_what_it_draws_in_the_emulator():
    assert RADIO_TX_MA["sx1262"] == {row.nominal_dbm: row.full_ma for row in DEVICES["sx1262"].amplifiers.values()}


@pytest.mark.parametrize("name", ["parking", "bins"])
def test_the_record_has_the_size_the_firmware_gives_it(monkeypatch, name):
    kept = []

    class Watched(Timing):
        def __init__(self, device):
            super().__init__(device)
            kept.append(self)

    monkeypatch.setattr(runtime, "Timing", Watched)
    node = load_node(name)
    memory = []
    run_cell(CellOrder([node], 1, START_UTC, 1_800_000_000, {}, None), lambda share: memory.append(kept[0].memory))
    assert {len(m) for m in memory[120:]} == {retained_bytes(node)}


def test_the_record_of_an_mqtt_session_has_the_size_the_firmware_gives_it():
    text = (firmware_dir() / "kerb" / "uplink" / "mqtt.py").read_text()
    assert f"_STATE_BYTES = const({SESSION['mqtt']})" in text


def test_the_record_of_an_nbiot_session_has_the_size_the_firmware_gives_it():
    text = (firmware_dir() / "kerb" / "uplink" / "nbiot.py").read_text()
    assert f"_STATE_BYTES = const({SESSION['nbiot']})" in text


def test_every_ready_application_says_what_it_keeps():
    for name in ("parking", "bins", "air", "light", "terminal"):
        assert literal(firmware_dir() / "kerb" / "apps" / f"{name}.py", "STATE_BYTES", "App") > 0


def test_the_firmware_is_told_which_pins_feed_the_radio(tmp_path):
    table = node_json(node_of(tmp_path, bare(RAK, policy="deep_sleep = false")))["uplink"]["radio"]
    assert table["enable"] == [{"pin": 25, "level": 1, "what": "antenna switch supply"}]


def test_every_board_the_firmware_can_drive_passes_with_a_bare_node(tmp_path):
    boards = {name: load_board(name) for name in board_names()}
    able = [n for n, b in boards.items() if b.radio and "main" in b.i2c]
    assert len(able) >= 19
    for name in able:
        deep = "true" if LIMITS[boards[name].mcu].rtc_bytes else "false"
        check(node_of(tmp_path, bare(name, policy=f"deep_sleep = {deep}")))
