"""Repeats a published wake on an emulated board: start figures of the measured board, radio figures of our board files."""

from __future__ import annotations

from typing import Any

from bare_board import BareBoard
from kerbstone.build.board import load_board
from kerbstone.emulator.net.sockets import Sockets
from kerbstone.emulator.net.wifi import Wifi
from kerbstone.emulator.wakes import WakeSum

_SLEEP = "machine.deepsleep(1000)\n"
_JOIN = """
import machine, network
if machine.reset_cause() == machine.DEEPSLEEP_RESET:
    sta = network.WLAN(network.STA_IF)
    sta.active(True)
    STATIC
    sta.connect("ssid", "password")
    while not sta.isconnected():
        pass
    SEND
    sta.disconnect()
    sta.active(False)
"""
_STATIC = 'sta.ifconfig(("10.0.0.2", "255.255.255.0", "10.0.0.1", "10.0.0.1"))'
# CONNECT of MQTT 3.1.1 as "esp32_test", the CONNACK awaited, PUBLISH of QoS 0, DISCONNECT.
_MQTT = r"""
    import socket
    s = socket.socket()
    s.connect(socket.getaddrinfo("broker.local", 1883)[0][-1])
    s.write(b"\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0aesp32_test")
    assert s.read(4) == b"\x20\x02\x00\x00"
    s.write(b"\x30\x0a\x00\x04testSens")
    s.write(b"\xe0\x00")
    s.close()
"""

MAINS = {
    "": """
import machine, time
if machine.reset_cause() in (machine.PWRON_RESET, machine.DEEPSLEEP_RESET):
    time.sleep_ms(10)
    machine.deepsleep(1000)
""",
    "wifi_static": _JOIN.replace("STATIC", _STATIC).replace("SEND", "pass") + _SLEEP,
    "wifi_mqtt": _JOIN.replace("STATIC", _STATIC).replace("    SEND\n", _MQTT) + _SLEEP,
    "wifi_dhcp": _JOIN.replace("STATIC", "pass").replace("SEND", "pass") + _SLEEP,
}


def model(scenario: dict[str, Any], phases: dict[str, Any], board: str = "olimex_esp32_poe") -> tuple[float, float]:
    """(ms, mC) of a wake: its phases, then its steps at the chip's current and what the radio adds."""
    ms = sum(phases[p]["ms"] for p in scenario["phases"])
    mc = sum(phases[p]["mc"] for p in scenario["phases"])
    wifi = load_board(board).wifi.model_dump()
    for step_ms, radio in scenario.get("steps", ()):
        radio_ma = wifi[radio] / 1000 if isinstance(radio, str) else radio
        ms += step_ms
        mc += step_ms / 1000 * (chip_ma(phases) + radio_ma)
    return ms, mc


def chip_ma(phases: dict[str, Any]) -> float:
    """What the measured ESP32 module drew while it computed, its 15 mA of leakage included: the mean of its start."""
    return phases["esp32_frozen"]["mc"] / phases["esp32_frozen"]["ms"] * 1000


def emulate(scenario: dict[str, Any], phases: dict[str, Any], board_name: str, broker: tuple[str, int] | None) -> tuple[float, float]:
    """(ms, mC) of the mean wake of the scenario's cause in six seconds of an emulated board."""
    board = load_board(board_name)

    def setup(bare: BareBoard) -> None:
        spec = bare.device.spec
        spec.boot_ms, spec.wake_ms = board.times.boot_ms, board.times.wake_ms
        spec.current_ua = board.current_ua.model_dump()
        if board.wifi and scenario.get("main"):
            # The measured module started frozen code, which no board file of ours describes; its Wi-Fi is ours.
            start_ms, start_mc = model({"phases": scenario["phases"]}, phases)
            spec.boot_ms = spec.wake_ms = round(start_ms)
            spec.current_ua = {**spec.current_ua, "boot": start_mc / start_ms * 1e6, "active": chip_ma(phases) * 1000}
            spec.wifi_current_ua = board.wifi.model_dump(exclude_none=True)
            spec.wifi_connect_ms, spec.wifi_dhcp_ms = board.wifi.connect_ms, board.wifi.dhcp_ms
        wifi = Wifi(bare.device, "ssid", "password")
        Sockets(bare.device, wifi, {"broker.local": broker} if broker else {}, 0)

    with BareBoard(MAINS[scenario.get("main", "")], board.mcu, setup) as bare:
        lines = bare.run(6)
        assert lines == [], lines
        found: list[WakeSum] = [s for s in bare.device.wakes.sums() if s.cause == scenario["run"]]
    assert found
    count = sum(s.count for s in found)
    return sum(s.time_us for s in found) / count / 1000, sum(s.charge_uas for s in found) / count / 1000
