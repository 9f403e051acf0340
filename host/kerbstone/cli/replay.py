"""`kerbstone replay`: what a node would have reported on a day that was recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kerbstone.build.check import check
from kerbstone.build.node import Node, load_node
from kerbstone.emulator.result import NodeResult
from kerbstone.emulator.run import run
from kerbstone.emulator.world.recorded import read_stays
from kerbstone.emulator.world.recording import load
from kerbstone.errors import KerbstoneError


def command(
    node: Annotated[str, typer.Argument(help="Name of a ready-made node, or the path of a node file.")],
    trace: Annotated[Path, typer.Option(help="CSV: t_s and a column for each quantity, for example t_s,bx_ut,by_ut,bz_ut,temp_c,rssi_db.")],
    json_out: Annotated[Path | None, typer.Option("--json", help="Write events and score as JSON (`-`: to standard output).")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sensors' own noise and of what was not recorded.")] = 1,
) -> None:
    """Feed a recording to a node's virtual sensors and print what the node reports; TRACE.truth.json beside it gives a score.

    Example: kerbstone replay parking --trace day.csv
    """
    if json_out and str(json_out) != "-" and not json_out.parent.is_dir():
        raise KerbstoneError(f"{json_out} cannot be written: the folder {json_out.parent} does not exist.")
    result, unread, duration_us = replay(load_node(node), trace, seed)
    if unread:
        used = ", ".join(result.truth["used"])
        typer.echo(f"warning: nothing on node {result.name} reads {', '.join(unread)}; it reads {used}.", err=True)
    shown = to_json(result, trace, duration_us, unread)
    if str(json_out) == "-":
        typer.echo(json.dumps(shown, indent=1))
        return
    for event in shown["events"]:
        typer.echo(f"{_clock(event['sample_s'])}  {event['record']:<6} {_values(event['values'])}")
    typer.echo(f"{len(shown['events'])} records in {_clock(duration_us / 1e6)}, {result.waiting} waiting, {result.lost} lost")
    for name, value in result.score.items():
        typer.echo(f"{name:<28}{value:g}")
    if json_out:
        json_out.write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")


def truth_path(trace: Path) -> Path:
    """Where the truth of a recording lies: day.csv -> day.truth.json."""
    return trace.with_suffix(".truth.json")


def replay(node: Node, trace: Path, seed: int) -> tuple[NodeResult, list[str], int]:
    """(result, columns nobody read, duration in us). Raises TraceError or NodeFileError before anything runs."""
    check(node)
    recording = load(trace)
    truth = truth_path(trace) if truth_path(trace).is_file() else None
    options: dict[str, Any] = {**node.spec.world.options, "trace": str(trace.resolve())}
    if truth:
        read_stays(truth, recording)
        options["truth"] = str(truth.resolve())
    world = node.spec.world.model_copy(update={"options": options})
    played = Node(node.name, node.file, node.spec.model_copy(update={"world": world}), node.board)
    done = run([played], seed, recording.end_us)
    result = done.nodes[0]
    return result, sorted(set(recording.curves) - set(result.truth["used"])), recording.end_us


def to_json(result: NodeResult, trace: Path, duration_us: int, unread: list[str]) -> dict[str, Any]:
    """Times in seconds from the first line of the recording, events in the order they were sampled."""
    records = sorted(result.records, key=lambda r: (r["sample_us"], r["t_us"]))
    return {
        "node": result.name, "trace": trace.name, "duration_s": duration_us / 1e6, "ignored_columns": unread,
        "events": [
            {
                "sample_s": r["sample_us"] / 1e6, "arrived_s": r["t_us"] / 1e6, "record": r["record"], "values": r["values"],
                "quality": r["quality"],
            }
            for r in records
        ],
        "waiting": result.waiting, "lost": result.lost, "score": result.score,
    }  # fmt: skip


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 10), 600)
    return f"{minutes // 60:3}:{minutes % 60:02}:{rest // 10:02}.{rest % 10}"


def _values(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
