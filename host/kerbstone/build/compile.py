"""Turns a checked node into what goes onto the board: node.json and the files beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kerbstone.build.board import BoardFile
from kerbstone.build.cells import cells
from kerbstone.build.check import check, find_source
from kerbstone.build.checks.power import peak_ma
from kerbstone.build.chips import CHIPS, CRYSTAL_SLIP_PPM, rp2_uart_id
from kerbstone.build.firmware import compile_file, compile_tree
from kerbstone.build.modems import DIALECTS
from kerbstone.build.needed import needed
from kerbstone.build.node import LoRaWanTable, MqttTable, NbIotTable, Node, PartTable
from kerbstone.build.pmu import radio_supply
from kerbstone.build.regions import region_table, whole_table
from kerbstone.codec.profile import compile_profile
from kerbstone.identity.place import sectors
from kerbstone.paths import firmware_dir
from kerbstone.update.bundle import application, listing
from kerbstone.update.trust import update_table

_SPREAD_S = 60  # 500 nodes: some 18 attempts in the busiest second (tests/firmware/test_delivery_policy.py)
_EXTRAS = {"device_class", "packages", "package_version"}  # keys a plain class A node does without


def node_json(node: Node) -> dict[str, Any]:
    """The configuration the firmware reads. Holds no secret."""
    spec = node.spec
    return {
        "name": node.name,
        "board": spec.node.board,
        "production": spec.node.production,
        "app": spec.node.app,
        "app_settings": {key: _rows(value) for key, value in spec.app.items()},
        "profile": compile_profile(node.profile),
        "order": list(spec.parts),
        "parts": {name: _part(node, part) for name, part in spec.parts.items()},
        **{key: _bearer(node, table) for key, table in node.bearers.items()},
        "delivery": _delivery(node),
        "policy": spec.policy.model_dump() | {"slip_ppm": _slip_ppm(node)},
        **({"identity_at": places} if (places := sectors(node.board)) else {}),
        **({"update": update_table(node, spec.update)} if spec.update else {}),
    }


def _health(node: Node) -> dict[str, Any]:
    """What only a health report needs: how often, and the voltages of the battery from full to empty, where its row has them."""
    curve = cells().cell[node.spec.battery.cell].curve_v if node.spec.battery else None
    count = node.spec.battery.series if node.spec.battery else 1
    return {
        "period_s": node.spec.health.period_h * 3600, **({"curve_mv": [round(1000 * count * volt) for volt in curve]} if curve else {}),
    }


def _part(node: Node, part: PartTable) -> dict[str, Any]:
    options = dict(part.options)
    board = node.board
    if part.driver == "battery" and "pin" not in options and board.battery:
        options |= {k: v for k, v in board.battery.model_dump().items() if v is not None}
    if part.rail:
        options["power_pin"] = board.rail[part.rail].pin
        options["power_on_level"] = board.rail[part.rail].on_level
    bus: dict[str, Any] | None = None
    if part.bus:
        kind, _, which = part.bus.partition(".")
        table = (board.i2c if kind == "i2c" else board.uart)[which]
        bus = {"kind": kind, **table.model_dump(), **({"freq": part.freq} if kind == "i2c" else _line(part))}
    if bus and "watch" in options:
        options["pins"] = [bus["scl"], bus["sda"]]  # moved by the coprocessor's program
    return {
        "driver": part.driver,
        "bus": bus,
        "period_s": part.period_s,
        "wake": None if part.wake_pin is None else [part.wake_pin, part.wake_level],
        "stay": part.stay,
        "options": options,
    }


def _slip_ppm(node: Node) -> int:
    """What the node's oscillator may be wrong by before the firmware has learnt it: awake, it is the crystal."""
    return CHIPS[node.board.mcu].sleep_slip_ppm if node.spec.policy.deep_sleep else CRYSTAL_SLIP_PPM


def _rows(value: Any) -> Any:
    """A table of tables becomes a list, each row with its name: the firmware's own tables have no order."""
    if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
        return [{"name": name, **row} for name, row in value.items()]
    return value


def _line(part: PartTable) -> dict[str, Any]:
    """How a UART talks, as `machine.UART` wants it."""
    bits, parity, stop = tuple(part.frame)
    return {"baud": part.baud, "bits": int(bits), "parity": {"N": None, "E": 0, "O": 1}[parity], "stop": int(stop)}


def _delivery(node: Node) -> dict[str, Any]:
    """The delivery policy; what a bearer itself must know of it stands in the bearer's table."""
    table = node.spec.delivery.model_dump(exclude={"search_mah_day"})
    table["spread_s"] = _spread_s(node)
    table["quiet"] = [60 * int(word[:2]) + int(word[3:]) for word in table["quiet"]] or None
    return table


def radio_table(board: BoardFile) -> dict[str, Any]:
    """[radio] of a board as the firmware reads it: `chip` is the driver, `model` the chip where its driver serves several."""
    radio = board.radio
    if radio is None:
        return {}
    table = {**radio.model_dump(exclude_none=True, exclude={"pmu_rail"}), "chip": radio.driver}
    if radio.pmu_rail:
        table["pmu"] = radio_supply(board)
    return table if radio.chip == radio.driver else {**table, "model": radio.chip}


def _bearer(node: Node, uplink: LoRaWanTable | MqttTable | NbIotTable) -> dict[str, Any]:
    table: dict[str, Any] = uplink.model_dump(exclude={"adr_margin_db", "module", "bus", "module_reset_pin", *_EXTRAS}, exclude_none=True)
    if isinstance(uplink, LoRaWanTable):
        table |= uplink.model_dump(include=_EXTRAS, exclude_defaults=True, by_alias=True)
        table["region"] = region_table(uplink.region)
        if uplink.module:
            table |= {"kind": "lorawan_at", "module": _module(node, uplink)}
        else:
            band_mhz = table["region"]["channels"][0][0] // 1_000_000  # the radio calibrates itself for it
            table["radio"] = {"band_mhz": band_mhz, **radio_table(node.board)}
    elif isinstance(uplink, NbIotTable):
        table["port"] = uplink.port or {"coap": 5683, "mqtt": 1883}[uplink.protocol]
        table["link"] = "hold" if uplink.edrx_s else "burst"
        table["modem"] = _modem(node, uplink)
    else:
        table["port"] = uplink.port or (1883 if uplink.tls == "off" else 8883)
        table["static_ip"] = uplink.static_ip or None
    ceiling_mah = node.spec.delivery.search_mah_day
    highest_ma = peak_ma(node, uplink)[0]
    if ceiling_mah is not None and highest_ma:
        # Reckoned at the highest current: a search that listens most of the time stays below.
        table["ceiling_s"] = max(1, int(ceiling_mah * 3600 / highest_ma))
    if spread_s := _spread_s(node):
        table["spread_s"] = spread_s
    return table


def _spread_s(node: Node) -> int:
    """Longest random wait after power-on, and random part of a pause, in seconds.

    A street on mains has its power back in one second. Batteries are put in one by one, by somebody who waits for the first report, and
    their reports are apart ever after.
    """
    asked = node.spec.delivery.spread_s
    return asked if asked is not None else 0 if node.spec.policy.deep_sleep else _SPREAD_S


def _module(node: Node, uplink: LoRaWanTable) -> dict[str, Any]:
    """A LoRaWAN module's dialect, how it is wired, and the sub-band of a fixed plan as its AT+MASK wants it."""
    uart = node.board.uart.get((uplink.bus or "").removeprefix("uart."))
    table: dict[str, Any] = {"dialect": uplink.module, **(uart.model_dump() if uart else {})}
    if uplink.module_reset_pin is not None:
        table["reset"] = uplink.module_reset_pin
    if mask := whole_table(uplink.region)["network"].get("cflist_mask"):
        banks = [bank for bank in range(8) if mask >> 8 * bank & 0xFF == 0xFF]
        table["mask"] = f"{sum(1 << bank for bank in banks):04X}"
    return table


def _modem(node: Node, uplink: NbIotTable) -> dict[str, Any]:
    """The modem's dialect and how it is wired."""
    modem = node.board.modem
    if modem is None:
        return {}
    wires = modem.model_dump(exclude_none=True, exclude={"chip", "ring", "pmu_rail", "psm_ua", "sleep_ua", "peak_ua", "solar_adc"})
    taken = {uart.id for uart in node.board.uart.values()}
    bus = rp2_uart_id(modem.tx) if node.board.mcu == "rp2040" else min({1, 2} - taken, default=1)
    return {"dialect": DIALECTS[uplink.modem or modem.chip], "id": bus, **wires}


def board_files(node: Node) -> dict[str, bytes]:
    """{path on the board: content}: the firmware, the user's own drivers and applications, node.json.

    Raises NodeFileError when the node does not fit its board, EngineError when a file does not compile.
    """
    check(node)
    chosen = {("apps", node.spec.node.app), *(("drivers", p.driver) for p in node.spec.parts.values())}
    sources = {f"kerb/{kind}/{name}": find_source(node, kind, name) for kind, name in sorted(chosen)}
    own = {name: source for name, source in sources.items() if source and node.folder in source.parents}
    files = compile_tree(firmware_dir(), own=own.values())
    for name, source in own.items():
        files[f"/{name}.mpy"] = compile_file(source, f"{name}.py")
    if node.spec.update:
        # The list names what a board really has: an update starts from it, on a board and in the emulator alike.
        files = without_idle(node, files)
        files["/slots/list"] = listing(application(files))
    if node.spec.health.period_h:
        files["/health.json"] = json.dumps(_health(node), separators=(",", ":")).encode()
    files["/node.json"] = json.dumps(node_json(node), separators=(",", ":")).encode()
    return files


def without_idle(node: Node, files: dict[str, bytes]) -> dict[str, bytes]:
    """The board's files without the modules this node cannot import."""
    root = firmware_dir()
    sources = {_module_name(path.relative_to(root)): path for path in (root / "kerb").rglob("*.py")}
    for kind, name in (("apps", node.spec.node.app), *(("drivers", part.driver) for part in node.spec.parts.values())):
        if own := find_source(node, kind, name):
            sources[f"kerb.{kind}.{name}"] = own
    wanted = needed(sources, node_json(node))
    return {name: data for name, data in files.items() if not name.startswith("/kerb/") or _module_name(Path(name[1:])) in wanted}


def _module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")
