"""Rules on the battery: the highest current it must give, and how long it lasts asleep."""

from __future__ import annotations

from collections.abc import Iterator

from kerbstone.build.cells import Pack, pack_of
from kerbstone.build.checks.rule import Finding, board_row
from kerbstone.build.chips import MODULE_TX_MA, radio_tx_ma
from kerbstone.build.node import LoRaWanTable, MqttTable, NbIotTable, Node
from kerbstone.build.regions import max_eirp_dbm

# Below these a battery node is not worth putting out: a year on primary cells, two dark weeks on a rechargeable one (our choice).
_LEAST_DAYS = {False: 365, True: 14}


def peak_ma(node: Node, uplink: LoRaWanTable | MqttTable | NbIotTable | None = None) -> tuple[float, str, str]:
    """(highest supply current while sending by `uplink`, else by the hungrier of the node's bearers, mA, what makes it, row of the board
    file). 0 when the board has no bearer."""
    if uplink is None:
        return max(peak_ma(node, table) for table in node.bearers.values())
    board = node.board
    active = board.current_ua.active / 1000
    if isinstance(uplink, LoRaWanTable) and uplink.module:
        ma = MODULE_TX_MA[uplink.module]
        return active + ma, f"{active:.0f} mA of the board and {ma:.0f} mA of the module {uplink.module}", "current_ua.active"
    if isinstance(uplink, LoRaWanTable) and board.radio:
        dbm = max_eirp_dbm(uplink.region) - board.radio.antenna_gain_dbi
        ma = radio_tx_ma(board.radio.chip, dbm)
        words = f"{active:.0f} mA of the board and {ma:.0f} mA of its {board.radio.chip} at the {dbm:.0f} dBm of {uplink.region}"
        return active + ma, words, "current_ua.active"
    if uplink.kind == "mqtt" and board.wifi:
        return board.wifi.peak / 1000, "a Wi-Fi transmission", "wifi.peak"
    if board.modem and board.modem.peak_ua:
        return active + board.modem.peak_ua / 1000, f"{active:.0f} mA of the board and a transmission of its modem", "modem.peak_ua"
    return 0.0, "", ""


def cell_known(node: Node) -> Iterator[Finding]:
    battery = node.spec.battery
    if battery is None:
        return
    for key, problem in pack_of(battery).problems:
        yield Finding(("battery", key), problem)


def budget(node: Node) -> Iterator[Finding]:
    wanted = node.spec.budget
    if wanted and wanted.life_years is not None and node.spec.battery is None:
        yield Finding(("budget", "life_years"), "a budget of years needs a [battery] table with a cell: add it.")


def peak(node: Node) -> Iterator[Finding]:
    pack = _pack(node)
    if pack is None:
        return
    ma, what, key = peak_ma(node)
    if ma > pack.pulse_ma:
        words = (
            f"sending takes {ma:.0f} mA ({what}) and {pack.title} gives {pack.pulse_ma:.0f} mA: "
            "choose a cell that gives more, more in parallel, or a buffer."
        )
        yield Finding(("battery", "cell"), words, f"boards/cells.toml, cell.{pack.name}; {board_row(node, key)}")


def asleep(node: Node) -> Iterator[Finding]:
    """A warning: how long a node should last is its owner's to judge."""
    pack = _pack(node)
    if pack is None:
        return
    state = "deep_sleep" if node.spec.policy.deep_sleep else "active"
    ua = getattr(node.board.current_ua, state)
    days = pack.capacity_mah * 1000 / ua / 24 if ua else float("inf")
    if days < _LEAST_DAYS[pack.rechargeable]:
        doing = "asleep" if state == "deep_sleep" else "awake, as deep_sleep = false keeps it,"
        words = f"{node.spec.node.board} {doing} alone empties {pack.title} in {days:.0f} days: choose another board or more cells."
        yield Finding(("battery", "cell"), words, board_row(node, f"current_ua.{state}"), warning=True)


def _pack(node: Node) -> Pack | None:
    pack = pack_of(node.spec.battery) if node.spec.battery else None
    return None if pack is None or pack.problems else pack
