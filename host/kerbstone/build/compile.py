"""Turns a checked node into what goes onto the board: node.json and the files beside it."""

from __future__ import annotations

import json
from typing import Any

from kerbstone.build.check import check, find_source
from kerbstone.build.firmware import compile_file, compile_tree
from kerbstone.build.node import LoRaWanTable, Node, PartTable
from kerbstone.build.regions import region_table
from kerbstone.codec.profile import compile_profile
from kerbstone.identity.place import sectors
from kerbstone.paths import firmware_dir
from kerbstone.update.bundle import application, listing
from kerbstone.update.trust import update_table


def node_json(node: Node) -> dict[str, Any]:
    """The configuration the firmware reads. Holds no secret."""
    spec = node.spec
    return {
        "name": node.name,
        "board": spec.node.board,
        "app": spec.node.app,
        "app_settings": {key: _rows(value) for key, value in spec.app.items()},
        "profile": compile_profile(node.profile),
        "order": list(spec.parts),
        "parts": {name: _part(node, part) for name, part in spec.parts.items()},
        "uplink": _uplink(node),
        "policy": spec.policy.model_dump(),
        **({"identity_at": places} if (places := sectors(node.board)) else {}),
        **({"update": update_table(node, spec.update)} if spec.update else {}),
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
    return {
        "driver": part.driver,
        "bus": bus,
        "period_s": part.period_s,
        "wake": None if part.wake_pin is None else [part.wake_pin, part.wake_level],
        "stay": part.stay,
        "options": options,
    }


def _rows(value: Any) -> Any:
    """A table of tables becomes a list, each row with its name: the firmware's own tables have no order."""
    if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
        return [{"name": name, **row} for name, row in value.items()]
    return value


def _line(part: PartTable) -> dict[str, Any]:
    """How a UART talks, as `machine.UART` wants it."""
    bits, parity, stop = tuple(part.frame)
    return {"baud": part.baud, "bits": int(bits), "parity": {"N": None, "E": 0, "O": 1}[parity], "stop": int(stop)}


def _uplink(node: Node) -> dict[str, Any]:
    uplink = node.spec.uplink
    table: dict[str, Any] = uplink.model_dump(exclude={"adr_margin_db"})
    if isinstance(uplink, LoRaWanTable):
        table["region"] = region_table(uplink.region)
        radio = node.board.radio
        band_mhz = table["region"]["channels"][0][0] // 1_000_000  # the radio calibrates itself for it
        table["radio"] = {"band_mhz": band_mhz, **(radio.model_dump(exclude_none=True) if radio else {})}
    return table


def board_files(node: Node) -> dict[str, bytes]:
    """{path on the board: content}: the firmware, the user's own drivers and applications, node.json.

    Raises NodeFileError when the node does not fit its board, EngineError when a file does not compile.
    """
    check(node)
    files = compile_tree(firmware_dir())
    own = {("apps", node.spec.node.app), *(("drivers", p.driver) for p in node.spec.parts.values())}
    for kind, name in sorted(own):
        source = find_source(node, kind, name)
        if source and node.folder in source.parents:
            files[f"/kerb/{kind}/{name}.mpy"] = compile_file(source, f"kerb/{kind}/{name}.py")
    if node.spec.update:
        files["/slots/list"] = listing(application(files))
    files["/node.json"] = json.dumps(node_json(node), separators=(",", ":")).encode()
    return files
