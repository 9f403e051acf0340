"""`kerbstone energy`: where the charge of a node goes, and how long its battery lasts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from kerbstone.build.node import load_node
from kerbstone.cli.durations import duration_us
from kerbstone.emulator.run import run
from kerbstone.energy.account import Account, account
from kerbstone.energy.budget import DAY_US, judge
from kerbstone.energy.draw import drawing
from kerbstone.errors import BudgetError, KerbstoneError


def command(
    node: Annotated[str, typer.Argument(help="A ready-made node or the path of a node file.")],
    duration: Annotated[str, typer.Option("--for", help="Virtual time: 24h, 7d.")] = "24h",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same run.")] = 1,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Write a drawing, FILE.svg.")] = None,
) -> None:
    """Run a node and account for its charge: by consumer, by wake, by year of battery.

    Exits 1 with one sentence when the node exceeds the [budget] of its file.

    Example: kerbstone energy parking --for 7d --plot parking.svg
    """
    loaded = load_node(node)
    until = duration_us(duration)
    if plot and (plot.suffix != ".svg" or not plot.parent.is_dir()):
        raise KerbstoneError(f"{plot} cannot be written: give a name that ends in .svg in a folder that exists.")
    found = account(loaded, run([loaded], seed, until))
    if json_out:
        typer.echo(json.dumps(found.to_json(), indent=1))
    else:
        _show(found)
    if plot:
        plot.write_text(drawing(found), encoding="utf-8")
    if loaded.spec.budget and until < DAY_US:
        typer.echo("The budget is not judged on less than 24h.", err=True)
    try:
        judge(loaded, found.mah_per_day, until)
    except BudgetError as error:
        typer.echo(f"kerbstone: {error}", err=True)
        raise typer.Exit(1) from error


def _show(found: Account) -> None:
    console = Console(width=None if Console().is_terminal else 110)
    console.print(f"{found.name} on {found.board}: {found.mah_per_day:.2f} mAh a day, {found.mean_ua:.1f} uA on average", markup=False)
    console.print(_draws(found))
    console.print(_wakes(found))
    if found.life_years is not None and found.formula_years is not None:
        more = f" (the formula alone: {found.formula_years:.1f})" if found.formula_years > found.life_years else ""
        console.print(f"{found.battery}: {found.usable_mah:.0f} mAh usable, {found.life_years:.1f} years{more}", markup=False)
    else:
        console.print("No [battery] table in its node file, so no life: mains, or not said.", markup=False)
    console.print("Assumed:")
    for sentence in found.assumptions:
        console.print(f"- {sentence}", markup=False, soft_wrap=True)


def _table(*columns: str) -> Table:
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for i, name in enumerate(columns):
        shown.add_column(name, justify="left" if i == 0 else "right", no_wrap=True)
    return shown


def _draws(found: Account) -> Table:
    shown = _table("consumer, state", "mAh/day", "share", "of the time")
    for d in found.draws:
        time = "pulses" if d.time_share is None else f"{100 * d.time_share:.3f} %"
        shown.add_row(f"{d.consumer}, {d.state}", f"{d.mah_per_day:.4f}", f"{100 * d.share:.1f} %", time)
    return shown


def _wakes(found: Account) -> Table:
    shown = _table("wake", "count", "mC each", "s each", "mAh/day")
    for w in found.wakes:
        shown.add_row(w.label, str(w.count), f"{w.mc_each:.2f}", f"{w.ms_each / 1000:.3f}", f"{w.mah_per_day:.4f}")
    return shown
