"""`kerbstone chip`: a node on a whole emulated RP2040."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from kerbstone.build.node import load_node
from kerbstone.chip.duty import Duty, run_duty
from kerbstone.chip.floats import TOLERANCE, Floats, compare
from kerbstone.errors import ChipError

_FILE_WIDTH = 110  # columns when the output goes to a file or a pipe


def command(
    node: Annotated[str, typer.Argument(help="Name of a ready-made node, or the path of a node file.")],
    uf2: Annotated[Path | None, typer.Option(envvar="KERBSTONE_UF2", help="MicroPython image for an RP2040 board.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same parts and surroundings.")] = 1,
    floats: Annotated[bool, typer.Option("--floats", help="Also compare the arithmetic with that of 64-bit floats.")] = False,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run one duty cycle of a node on an emulated RP2040 with a stock MicroPython image; show frames and heap.

    Example: kerbstone chip bins --uf2 RPI_PICO-20260406-v1.28.0.uf2
    """
    if uf2 is None:
        raise ChipError("No MicroPython image given: download the .uf2 of board RPI_PICO from micropython.org and name it with --uf2.")
    duty = run_duty(load_node(node), uf2, seed)
    arithmetic = compare(uf2) if floats else None
    if json_out:
        typer.echo(json.dumps(duty.to_json() | (arithmetic.to_json() if arithmetic else {}), indent=1))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH)
    console.print(heap_table(duty))
    for line in lines(duty):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if arithmetic:
        console.print(float_table(arithmetic))


def heap_table(duty: Duty) -> Table:
    """The stages of a cycle, a row each."""
    shown = Table("stage", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("chip ms", "heap free", "alive", "touched"):
        shown.add_column(name, justify="right")
    for s in duty.stages:
        shown.add_row(s.name, str(s.chip_ms), str(s.free), str(s.live), str(s.touched))
    return shown


def lines(duty: Duty) -> list[str]:
    """What a reader wants beside the heap."""
    told = [f"{duty.node} on {duty.build}, pins of {duty.pins}: {duty.chip_s:.2f} s of chip time in {duty.wall_s:.1f} s"]
    for frame, message in zip(duty.frames, duty.decoded, strict=True):
        told.append(f"frame {frame}: {json.dumps(message)}")
    told.append(f"delivered by the network server: {', '.join(duty.delivered) or 'nothing'}")
    peak = duty.high_water
    told.append(f"heap high-water mark: {peak.live} bytes alive at {peak.name!r}, {peak.free} free")
    return told + [line for line in duty.console if line.startswith(("kerb fault", "kerb note", "kerb crash"))]


def float_table(floats: Floats) -> Table:
    """The worst case of each kind."""
    shown = Table("value", "32 bits", "64 bits", "apart", "allowed", box=SIMPLE_HEAD, pad_edge=False)
    for kind, case in floats.worst().items():
        shown.add_row(case.name, f"{case.chip:.8g}", f"{case.reference:.8g}", f"{case.error:.2g}", f"{TOLERANCE[kind]:g}")
    return shown
