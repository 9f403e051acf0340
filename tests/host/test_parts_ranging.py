"""Ranging parts and the 1-Wire thermometer on an emulated board: the firmware's drivers through `machine` and `onewire`."""

import json
import random

import pytest

from bare_board import BareBoard
from kerbstone.emulator.ledger import Ledger
from kerbstone.emulator.parts import ds18b20, hc_sr04, jsn_sr04t, maxbotix
from kerbstone.emulator.parts.base import PartContext

MAIN = """
import json, time
from machine import Pin, UART
from kerb.drivers.{driver} import {upper}
from kerb.errors import SensorError
time.sleep_ms(5)
rows = []
for _ in range({rounds}):
    d = None
    try:
        d = {upper}({bus}, {options!r})
        d.start()
        time.sleep_ms(d.WARM_UP_MS)
        rows.append(d.measure({{}}))
        d.sleep()
    except SensorError as error:
        rows.append(str(error))
        if d:
            d.sleep()
    print(json.dumps(rows[-1]))
"""
UART = "UART(1, 9600, tx=Pin(2), rx=Pin(3))"


class Air:
    """A site with a wall at some distance."""

    def __init__(self, distance_mm=1000.0, temp_c=20.0):
        self.values = {"distance_mm": distance_mm, "temp_c": temp_c, "rh_pct": 50.0}

    def read(self, quantity, t_us):
        return self.values[quantity]

    def act(self, quantity, value, t_us):
        raise KeyError(quantity)


def measured(module, driver, site, *, uart=False, rounds=2, seconds=20, part_options=None, parts=1, **options):
    """What the driver says on the board, one row a round, and the last part's meter."""
    wires = {key.removesuffix("_pin"): pin for key, pin in options.items() if key.endswith("_pin")}
    found = {}

    def hang(board):
        for i in range(parts):
            meter = Ledger(board.kernel).meter("part")
            lines = {wire: board.pins.line(pin) for wire, pin in wires.items()}
            shared = {key: value for key, value in options.items() if key != "rom"}
            context = PartContext("p", board.kernel, site, random.Random(i), meter, shared | (part_options or {}), lines)
            part = found["part"] = module.PART(context)
            if uart:
                board.uarts.attach(3, part)
            elif "data" in wires:
                board.onewires.attach(wires["data"], part)

    own = options | {"name": "sensor1"}
    main = MAIN.format(driver=driver, upper=driver.upper(), bus=UART if uart else None, rounds=rounds, options=own)
    with BareBoard(main, setup=hang, firmware=True) as board:
        lines = board.run(seconds)
        assert len(lines) == rounds, "\n".join(lines)
        return [json.loads(line) for line in lines], found["part"].ctx.meter


UARTS = [
    (jsn_sr04t, "jsn_sr04t", {"model": "jsn_sr04t", "mode": 1}),
    (jsn_sr04t, "jsn_sr04t", {"model": "jsn_sr04t", "mode": 2}),
    (jsn_sr04t, "jsn_sr04t", {"model": "aj_sr04m", "mode": 1}),
    (jsn_sr04t, "jsn_sr04t", {"model": "aj_sr04m", "mode": 2}),
    (maxbotix, "maxbotix", {"model": "mb7389"}),
    (maxbotix, "maxbotix", {"model": "mb7092"}),
]
PULSES = [
    (hc_sr04, "hc_sr04", {"trig_pin": 5, "echo_pin": 6}),
    (hc_sr04, "hc_sr04", {"trig_pin": 5, "echo_pin": 6, "model": "jsn_sr04t"}),
    (maxbotix, "maxbotix", {"pulse_pin": 6}),
    (maxbotix, "maxbotix", {"pulse_pin": 6, "model": "mb7092"}),
]
ALL = [(*row, True) for row in UARTS] + [(*row, False) for row in PULSES]


@pytest.mark.parametrize(("module", "driver", "options", "uart"), ALL)
def test_each_sensor_sees_a_wall_and_its_supply_is_off_afterwards(module, driver, options, uart):
    rows, meter = measured(module, driver, Air(1000.0, 18.0), uart=uart, power_pin=7, **options)
    for row in rows:
        assert row["quality"] == 0 and len(row["echoes_mm"]) == 5
        # 18 degC is where sound travels at 342 m/s; those that count with 340 see 0.7 % less.
        assert all(1000 * 0.99 - 12 <= mm <= 1012 for mm in row["echoes_mm"])
    assert meter.state == "off"


@pytest.mark.parametrize(("module", "driver", "options", "uart"), ALL)
def test_nothing_in_reach_is_no_echo_and_no_fault(module, driver, options, uart):
    rows, _ = measured(module, driver, Air(float("nan")), uart=uart, rounds=1, **options)
    assert (rows[0]["distance_mm"], rows[0]["quality"]) == (None, 1)


@pytest.mark.parametrize(("module", "driver", "options", "uart"), ALL)
def test_a_dead_sensor_is_an_error_that_names_it(module, driver, options, uart):
    rows, _ = measured(module, driver, Air(), uart=uart, rounds=1, part_options={"fault": "silent"}, **options)
    assert "sensor1" in rows[0] and "check supply" in rows[0]


@pytest.mark.parametrize(("module", "driver", "options"), UARTS)
@pytest.mark.parametrize("fault", ["sum", "garbage"])
def test_a_noisy_line_never_gives_a_good_burst(module, driver, options, fault):
    rows, _ = measured(module, driver, Air(), uart=True, part_options={"fault": fault}, **options)
    assert all(isinstance(row, str) or row["quality"] == 1 for row in rows)


@pytest.mark.parametrize("model", ["jsn_sr04t", "aj_sr04m"])
def test_the_wrong_model_is_no_valid_frame(model):
    other = {"jsn_sr04t": "aj_sr04m", "aj_sr04m": "jsn_sr04t"}[model]
    rows, _ = measured(jsn_sr04t, "jsn_sr04t", Air(), uart=True, rounds=1, part_options={"model": other}, model=model)
    assert "no valid frame" in rows[0]


@pytest.mark.parametrize("row", [PULSES[0], PULSES[2]])
def test_a_line_that_stays_high_is_told_as_such(row):
    module, driver, options = row
    rows, _ = measured(module, driver, Air(), rounds=1, part_options={"fault": "hung"}, **options)
    assert "stays high" in rows[0]


def test_sound_is_slower_in_the_cold_and_the_echo_module_does_not_know():
    rows, _ = measured(hc_sr04, "hc_sr04", Air(1000.0, -20.0), rounds=1, trig_pin=5, echo_pin=6)
    assert rows[0]["distance_mm"] == pytest.approx(1000 * 340 / 318.9, abs=8)


# -- DS18B20 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("celsius", [-20.0, -0.3, 21.3, 85.0])
def test_the_thermometer_on_one_wire(celsius):
    rows, meter = measured(ds18b20, "ds18b20", Air(temp_c=celsius), data_pin=8)
    assert all(row["temp_c"] == pytest.approx(celsius, abs=0.2) and row["quality"] == 0 for row in rows)
    meter.settle()
    assert meter.total_uas == pytest.approx(2 * 0.75 * 1000, rel=0.05)


@pytest.mark.parametrize(("fault", "words"), [
    ("absent", "no answer to a reset"), ("id", "family is 10"), ("crc", "wrong CRC"), ("short", "held low"), ("brownout", "power-on value"),
])  # fmt: skip
def test_each_fault_of_the_thermometer_is_told(fault, words):
    rows, _ = measured(ds18b20, "ds18b20", Air(), data_pin=8, part_options={"fault": fault}, rounds=1)
    assert words in rows[0] and "sensor1 at pin 8" in rows[0]


def test_of_three_on_a_wire_the_rom_chooses():
    rng = random.Random(2)
    head = bytes((0x28,)) + rng.randbytes(6)
    rom = (head + bytes((ds18b20.crc8(head),))).hex()
    with pytest.raises(AssertionError):  # ConfigError ends the program
        measured(ds18b20, "ds18b20", Air(), data_pin=8, parts=3)
    rows, _ = measured(ds18b20, "ds18b20", Air(temp_c=7.0), data_pin=8, parts=3, rom=rom)
    assert rows[0]["temp_c"] == pytest.approx(7.0, abs=0.2)


def test_the_stock_modules_of_the_ports_are_there():
    script = """
import onewire, ds18x20, time
from machine import Pin
wire = onewire.OneWire(Pin(8))
chips = ds18x20.DS18X20(wire)
roms = chips.scan()
chips.convert_temp()
time.sleep_ms(750)
print(len(roms), all(12 < chips.read_temp(rom) < 14 for rom in roms), hex(wire.crc8(b"\\x02\\x1c\\xb8\\x01\\x00\\x00\\x00")))
"""

    def hang(board):
        for i in range(4):
            meter = Ledger(board.kernel).meter("p")
            context = PartContext("p", board.kernel, Air(temp_c=13.0), random.Random(i), meter, {}, {"data": board.pins.line(8)})
            board.onewires.attach(8, ds18b20.PART(context))

    with BareBoard(script, setup=hang) as board:
        assert board.run(5) == ["4 True 0xa2"]  # the ROM of Maxim's application note 27


def test_time_pulse_us_of_the_stock_module():
    script = """
from machine import Pin, time_pulse_us
pin = Pin(6, Pin.IN)
print(time_pulse_us(pin, 1, 1000), time_pulse_us(pin, 0, 1000))
print(time_pulse_us(pin, 1, 2000000), time_pulse_us(pin, 1, 2000000), time_pulse_us(pin, 1, 2000))
"""

    def hang(board):
        line = board.pins.line(6)
        for at, level in ((2_000_000, 1), (2_000_321, 0), (3_000_000, 1), (3_040_000, 0), (4_000_000, 1)):
            board.kernel.at(at, line.drive, level)

    with BareBoard(script, setup=hang) as board:
        assert board.run(6) == ["-2 -1", "321 40000 -2"]
