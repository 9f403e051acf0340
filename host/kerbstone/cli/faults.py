"""`kerbstone faults`: the catalogue of faults an emulated run can meet."""

import json
from typing import Annotated

import typer

from kerbstone.emulator.faults.catalogue import FAULTS
from kerbstone.emulator.faults.model import Fault, Param
from kerbstone.emulator.faults.parse import COMMON
from kerbstone.emulator.faults.values import text


def command(json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the faults that `kerbstone emulate --fault` knows.

    Example: kerbstone emulate bins --for 6h --fault i2c_nack:part=climate,at=1h,for=30m
    """
    if json_out:
        typer.echo(json.dumps({"common": [_plain(p) for p in COMMON], "faults": [_row(f) for f in FAULTS.values()]}, indent=1))
        return
    for fault in FAULTS.values():
        typer.echo(f"{fault.name}: {fault.about}")
        for param in fault.params:
            typer.echo(f"    {_line(param)}")
    typer.echo("Every fault takes:")
    for param in COMMON:
        typer.echo(f"    {_line(param)}")


def _line(param: Param) -> str:
    default = "" if param.default in (None, "") else f" ({text(param, param.default)})" if param.default is not None else ""
    words = f": {', '.join(param.words)}" if param.words else ""
    return f"{param.name}={param.kind}{default}  {param.about}{words}"


def _row(fault: Fault) -> dict[str, object]:
    return {
        "name": fault.name, "about": fault.about, "hook": fault.hook, "place": fault.place, "ends_itself": fault.instant,
        "params": [_plain(p) for p in fault.params],
    }  # fmt: skip


def _plain(param: Param) -> dict[str, object]:
    default = None if param.default is None else text(param, param.default) if param.kind == "duration" else param.default
    return {"name": param.name, "kind": param.kind, "default": default, "about": param.about, "words": list(param.words)}
