"""Every driver of the tree with its virtual part, each in every way of failing, on one emulated board."""

from __future__ import annotations

import importlib
import json
import random
import re
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

from bare_board import BareBoard
from kerbstone.emulator.board.buses import I2CDevice
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.parts.base import I2CPart, Line, OneWirePart, Part, PartContext, Stuck, UartPart
from kerbstone.paths import firmware_dir

MODES = ("sound", "absent", "stranger", "stuck", "lying")
TURNS = 3

# Options a driver cannot do without; "part" are those of its virtual part.
NEEDS: dict[str, dict[str, Any]] = {
    "battery": {"pin": True},
    "dimmer": {"pin": True},
    "ds18b20": {"data_pin": True},
    "hlw8012": {"cf_pin": True, "cf1_pin": True, "sel_pin": True},
    "dali": {"tx_pin": True, "rx_pin": True},
    "hc_sr04": {"trig_pin": True, "echo_pin": True},
    "pir": {"out_pin": True, "settle_s": 0},
    "alphasense": {
        "cell": "NO2-B43F", "we_electronic_mv": 300, "ae_electronic_mv": 300, "we_zero_mv": 10, "ae_zero_mv": 10,
        "sensitivity_mv_ppb": 0.3, "settle_s": 0,
    },
    "digital_in": {"input_pin": True},
    "pulse": {"pulse_pin": True, "pin": True},
    "modbus": {"values": {"power": {"function": 4, "register": 12, "kind": "float32", "min": 0, "max": 9000}}},
    "sdi12": {"values": {"level": {"index": 0, "min": 0, "max": 20}}, "identity": "KERBSIDE"},
}
# (driver, mode) -> why the driver alone cannot know; "*" is every mode but "sound".
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("rp2_temp", "sound"): "this board is an ESP32; its own test runs on an RP2040",
    ("rp2_temp", "*"): "the sensor is the RP2040's own die: it cannot be absent, and this board is an ESP32",
    ("dimmer", "*"): "an output: the meter shows whether the lamp obeyed (application light, fault 'command')",
    ("digital_in", "*"): "one wire with two levels, each of which is a good reading",
    ("battery", "stranger"): "a voltage has no identity",
    ("battery", "stuck"): "a voltage that stands still is what a battery has",
    ("pulse", "stranger"): "a contact has no identity",
    ("pulse", "stuck"): "a contact that never closes is a meter at rest",
    ("pulse", "lying"): "a count has no range; a cut and a shorted line are told, in test_universal_parts.py",
    ("lis2dh12", "lying"): "every angle can be: the application bins judges it",
    ("bh1750", "stranger"): "it has no identity register: whatever acknowledges its commands is taken for it",
    ("hlw8012", "stranger"): "pulses have no identity",
    ("pir", "*"): "one wire with two levels, each of which is a good reading; an output that never falls is told after an hour",
    ("hc_sr04", "stranger"): "a pulse has no identity",
}
# Parts without a bus, whose virtual part makes the fault: (driver, mode) -> its `fault`.
OWN_FAULTS = {
    ("ds18b20", "stranger"): "id", ("ds18b20", "stuck"): "short",
    ("dali", "absent"): "absent", ("dali", "stranger"): "garbled",
    ("hlw8012", "stuck"): "silent", ("hc_sr04", "stuck"): "hung",
}  # fmt: skip
UNWIRED = {("dali", "stuck"), ("hc_sr04", "absent")}  # the input stays low: for dali, a bus that is shorted
# Values a street has; what is not named is 1.
NOMINAL = {
    "temp_c": 12.0, "rh_pct": 60.0, "pressure_hpa": 1005.0, "distance_mm": 900.0, "bx_ut": 20.0, "by_ut": 0.0, "bz_ut": 44.0,
    "mains_v": 230.0, "lamp_power_w": 50.0, "lamp_pf": 0.95, "mains_hz": 50.0, "battery_v": 3.6, "power_w": 800.0, "pressure_bar": 40.0,
    "level_m": 3.0, "pm1_ug": 5.0, "pm25_ug": 8.0, "pm4_ug": 9.0, "pm10_ug": 10.0, "voc_ppb": 120.0, "nox_ppb": 20.0, "tilt_deg": 2.0,
    "water_l": 0.0, "door": 0.0,
}
# Beyond what a street or a chip has; what is not named is 100,000.
BEYOND = {"temp_c": 300.0, "battery_v": 0.1, "lux": 1e6}


class AnySite:
    """Knows every quantity; `lying`: each is far beyond what a street has."""

    def __init__(self, lying: bool):
        self.lying = lying

    def read(self, quantity: str, t_us: int) -> float:
        return BEYOND.get(quantity, 1e5) if self.lying else NOMINAL.get(quantity, 1.0)

    def act(self, quantity: str, value: float, t_us: int) -> None:
        pass

    def next_change(self, t_us: int) -> int:
        return 1 << 60

    def changing_until(self, t_us: int) -> int:
        return t_us

    def extra_loss_db(self, t_us: int) -> float:
        return 0.0

    def truth(self, t0_us: int, t1_us: int) -> dict[str, Any]:
        return {}


class Stranger:
    """Another chip at the address: takes everything, answers 5A."""

    powered = True

    def i2c_write(self, data: bytes) -> None:
        pass

    def i2c_read(self, count: int) -> bytes:
        return b"\x5a" * count


class Held(Stranger):
    """SDA is held low."""

    def i2c_write(self, data: bytes) -> None:
        raise Stuck

    def i2c_read(self, count: int) -> bytes:
        raise Stuck


@dataclass
class Rig:
    """A part in one way of failing, and its entry of node.json."""

    mode: str
    config: dict[str, Any]


def drivers() -> list[str]:
    """Names of the drivers there are: files of kerb/drivers that hold the class kerb.parts asks them for."""
    folder = firmware_dir() / "kerb" / "drivers"
    return sorted(path.stem for path in folder.glob("*.py") if re.search(rf"^class {path.stem.upper()}\b", path.read_text(), re.M))


def excused(driver: str, mode: str) -> str:
    return EXCEPTIONS.get((driver, mode)) or (EXCEPTIONS.get((driver, "*"), "") if mode != "sound" else "")


class Rack:
    """Hangs every rig of a driver on wires of its own."""

    def __init__(self, board: Any, driver: str):
        self.board = board
        self._wire = 100
        self.rigs = [self._rig(driver, mode) for mode in MODES if not excused(driver, mode)]

    def _pin(self) -> int:
        self._wire += 1
        return self._wire

    def _rig(self, driver: str, mode: str) -> Rig:
        options = {key: self._pin() if value is True else value for key, value in NEEDS.get(driver, {}).items()}
        make = importlib.import_module(f"kerbstone.emulator.parts.{driver}").PART
        lines = {key.removesuffix("_pin"): self.board.pins.line(pin) for key, pin in options.items() if key.endswith("_pin")}
        meter = Meter(self.board.kernel, f"{driver}-{mode}")
        if (driver, mode) in UNWIRED:
            lines = {}
        fault = "lying" if mode == "lying" else OWN_FAULTS.get((driver, mode), "")
        virtual = {**options, "node": "board", **({"fault": fault} if fault else {})}
        part = make(PartContext(driver, self.board.kernel, AnySite(mode == "lying"), random.Random(5), meter, virtual, lines))
        bus = self._bus(part, options, mode)
        part.power_on()
        if mode != "absent":
            self.board.counters.attach(part, {key.removesuffix("_pin"): pin for key, pin in options.items() if key.endswith("_pin")})
            if isinstance(part, OneWirePart):
                self.board.onewires.attach(options["data_pin"], part)
        if bus is None and mode != "absent" and "pin" in options and hasattr(part, "adc_uv"):
            self.board.analog.sources[options["pin"]] = part
        return Rig(mode, {"driver": driver, "bus": bus, "period_s": 60, "wake": None, "options": options})

    def _bus(self, part: Part, options: dict[str, Any], mode: str) -> dict[str, Any] | None:
        if isinstance(part, I2CPart):
            sda, device = self._pin(), {"stranger": Stranger(), "stuck": Held()}.get(mode, part)
            if mode != "absent":
                self._attach(sda, int(options.get("addr", part.address)), device)
            return {"kind": "i2c", "id": sda, "sda": sda, "scl": self._pin(), "freq": 100_000}
        if isinstance(part, UartPart):
            rx = self._pin()
            if mode in ("stranger", "stuck"):
                part.disturb = _noise if mode == "stranger" else _silence
            if mode != "absent":
                self.board.uarts.attach(rx, part)
            return {"kind": "uart", "id": rx, "baud": part.baud, "tx": self._pin(), "rx": rx}
        return None

    def _attach(self, sda: int, address: int, device: I2CDevice) -> None:
        self.board.i2c.attach(sda, address, device)  # type: ignore[arg-type]


def _noise(data: bytes, receive: Any) -> None:
    receive(bytes((b * 91 + 7) & 0x7F for b in data))


def _silence(_data: bytes, _receive: Any) -> None:
    pass


MAIN = """
import gc, json, time
from kerb.parts import Part
env = {"temp_c": 12.0, "rh_pct": 60.0, "no2_ppb": 10.0}
for name, config in json.loads(%r):
    for attempt in range(%d):
        if not attempt:
            part = Part(name, config)
        begun = time.ticks_ms()
        try:
            part.start()
            time.sleep_ms(part.warm_up_ms + 5)
            reading = part.measure(env)
            part.sleep()
            said = {k: v if isinstance(v, (int, float, str, type(None))) else str(v) for k, v in reading.items()}
        except Exception as error:
            said = {"crash": repr(error)}
        print("reading", name, json.dumps(said))
        time.sleep_ms(1000)
    part = None
    gc.collect()
print("end")
"""


@cache
def run_driver(driver: str) -> tuple[dict[str, list[dict[str, Any]]], dict[str, int]]:
    """Readings and number of fault events of every rig of a driver, by mode."""
    # A first rack on no board tells what main.py must name: the same wires every time.
    bare = SimpleNamespace(
        kernel=Kernel(), pins=SimpleNamespace(line=lambda number: Line("")), i2c=SimpleNamespace(attach=lambda *_: None),
        uarts=SimpleNamespace(attach=lambda *_: None), onewires=SimpleNamespace(attach=lambda *_: None),
        counters=SimpleNamespace(attach=lambda *_: None), analog=SimpleNamespace(sources={}),
    )  # fmt: skip
    rigs = Rack(bare, driver).rigs
    main = MAIN % (json.dumps([[rig.mode, rig.config] for rig in rigs]), TURNS)
    lines: list[str] = []
    with BareBoard(main, setup=lambda board: Rack(board, driver) and None, firmware=True) as board:
        for _ in range(20):
            lines = board.run(120)
            if lines and lines[-1] == "end":
                break
    readings: dict[str, list[dict[str, Any]]] = {rig.mode: [] for rig in rigs}
    events = dict.fromkeys(readings, 0)
    for line in lines:
        words = line.split(" ", 2)
        if words[0] == "reading":
            readings[words[1]].append(json.loads(words[2]))
        elif words[:2] == ["kerb", "fault"]:
            events[words[2].split(" ")[0]] += 1
    assert lines[-1:] == ["end"], lines[-5:]
    return readings, events
