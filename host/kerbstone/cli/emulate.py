"""`kerbstone emulate`: run nodes through virtual time and show what came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from kerbstone.build.check import check
from kerbstone.build.node import load_node
from kerbstone.cli.durations import duration_us
from kerbstone.emulator.downlinks import read_downlink
from kerbstone.emulator.faults import load_scenario, read_word, repeat
from kerbstone.emulator.lns import parse_lns, write_devices
from kerbstone.emulator.radio_cell import ORIGIN, read_place
from kerbstone.emulator.result import RunResult
from kerbstone.emulator.run import run
from kerbstone.errors import KerbstoneError
from kerbstone.report.page import render

_FILE_WIDTH = 110  # columns when the output goes to a file or a pipe
STREET = ["parking", "bins", "air", "light"]


def command(
    nodes: Annotated[list[str], typer.Argument(help="Names of ready-made nodes, paths of node files, or `street` for all four.")],
    duration: Annotated[str, typer.Option("--for", help="Virtual time: 90s, 30m, 24h, 7d.")] = "24h",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same run.")] = 1,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON (`-`: to standard output).")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a self-contained HTML page.")] = None,
    broker: Annotated[str | None, typer.Option(help="mqtt://[user:password@]host[:port] instead of the embedded broker.")] = None,
    lns: Annotated[
        str | None,
        typer.Option(help="LoRaWAN network server instead of the bench one: udp://host[:port], ws://host:port (Basics Station)."),
    ] = None,
    lns_devices: Annotated[Path | None, typer.Option(help="Write what that server must know of the nodes, keys included.")] = None,
    gateway: Annotated[
        list[str] | None, typer.Option(help="X,Y in metres: where a gateway stands; repeatable. Without it: one at 0,0.")
    ] = None,
    downlink: Annotated[
        list[str] | None, typer.Option(help="NODE:at=2h,port=10,data=0142[,confirmed=yes]: what the bench network is to send; repeatable.")
    ] = None,
    fault: Annotated[list[str] | None, typer.Option(help="NAME:key=value,... Repeatable; `kerbstone faults` lists them.")] = None,
    scenario: Annotated[Path | None, typer.Option(help="A TOML file of [[fault]] tables.")] = None,
) -> None:
    """Run the firmware of nodes in virtual time and decode what they report.

    Example: kerbstone emulate street --for 24h --seed 1 --report street.html
    """
    names = [name for given in nodes for name in (STREET if given == "street" else [given])]
    loaded = [load_node(name) for name in names]
    for words in (w for node in loaded for w in check(node)):
        typer.echo(f"warning: {words}", err=True)
    until = duration_us(duration)
    server = parse_lns(lns) if lns else None
    if lns_devices:
        write_devices(lns_devices, loaded, seed)
    places = [read_place(text) for text in gateway or []] or [ORIGIN]
    down = [read_downlink(text, duration_us) for text in downlink or []]
    orders = [read_word(word) for word in fault or []] + (load_scenario(scenario) if scenario else [])
    for path in (json_out, report):
        if path and str(path) != "-" and not path.parent.is_dir():
            raise KerbstoneError(f"{path} cannot be written: the folder {path.parent} does not exist.")
    console = Console(stderr=str(json_out) == "-")
    if not console.is_terminal:
        console = Console(stderr=str(json_out) == "-", width=_FILE_WIDTH)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {node.name: bars.add_task(node.name, total=1.0) for node in loaded}
        result = run(
            loaded, seed, until, broker=broker, progress=lambda name, share: bars.update(tasks[name], completed=share), faults=orders,
            lns=server, gateways=places, downlinks=down,
        )  # fmt: skip
    console.print(table(result))
    if any(node.network for node in result.nodes):
        console.print(network_table(result))
    for air in result.air:
        console.print(air_line(air), soft_wrap=True)
    console.print(f"seed {seed}, {duration} in {result.wall_s:.1f} s, {result.events} events")
    console.print(f"event log SHA-256 {result.event_log_sha256}", soft_wrap=True)
    for node in result.nodes:
        for note in node.notes[:5]:
            console.print(f"{node.name}: {note}", markup=False)
    if repeat.failed(result):
        again = repeat.command_line(nodes, duration, seed, orders, broker, lns, gateway or [], downlink or [])
        console.print(f"repeat: {again}", markup=False, soft_wrap=True)
    if json_out:
        text = json.dumps(result.to_json(), indent=1)
        print(text) if str(json_out) == "-" else json_out.write_text(text + "\n", encoding="utf-8")
    if report:
        report.write_text(render(result), encoding="utf-8")
        console.print(f"report: {report}")


def table(result: RunResult) -> Table:
    """The figures of a run, a row a node."""
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("node", "via", "wakes", "readings", "uplinks", "decoded", "waiting", "lost", "duplicates", "mAh/day"):
        shown.add_column(name, justify="left" if name in ("node", "via") else "right", no_wrap=True)
    for n in result.nodes:
        shown.add_row(
            n.name, n.uplink, str(n.wakes), str(n.readings), str(n.uplinks), str(n.decoded), str(n.waiting), str(n.lost),
            str(n.duplicates), f"{n.mah_per_day:.2f}",
        )
    return shown


def air_line(air: dict[str, Any]) -> str:
    """The uplinks of a radio cell in a line."""
    lost = ", ".join(f"{n} {why}" for why, n in air["lost"].items()) or "none lost"
    return (
        f"air: {air['uplinks']} uplinks of {air['mean_airtime_ms']:.0f} ms, {air['delivery']:.1%} delivered of those in reach "
        f"(pure ALOHA: {air['aloha']:.1%}); {lost}; {air['too_weak']} too weak"
    )


def network_table(result: RunResult) -> Table:
    """What the bench network server knows of the LoRaWAN nodes, a row a node."""
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("LoRaWAN", "joins", "refused", "DR", "power", "SNR", "gateways", "battery", "status", "ADR", "checks", "downlinks"):
        shown.add_column(name, justify="left" if name == "LoRaWAN" else "right", no_wrap=True)
    for node in result.nodes:
        if net := node.network:
            counts = net["counts"]
            refused = sum(n for name, n in counts.items() if name.startswith("refused_"))
            known = ["-" if net[key] is None else str(net[key]) for key in ("dr", "power_index", "snr_db", "gateways", "battery")]
            told = [f"{counts.get(name + 'Ans', 0)}/{counts.get(name + 'Req', 0)}" for name in ("DevStatus", "LinkADR")]
            down = f"{counts.get('downlinks', 0)}/{counts.get('downlinks', 0) + net['queued']}"
            shown.add_row(node.name, str(counts.get("joins", 0)), str(refused), *known, *told, str(counts.get("LinkCheckReq", 0)), down)
    return shown
