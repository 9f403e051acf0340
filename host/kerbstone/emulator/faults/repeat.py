"""The command that repeats a run, for whoever has to look into a failed one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from kerbstone.emulator.faults.model import Order
from kerbstone.emulator.faults.parse import word
from kerbstone.emulator.result import RunResult
from kerbstone.listen.broker import BrokerAddress


def failed(result: RunResult) -> list[str]:
    """Nodes that lost a record, sent one twice unmarked, or crashed."""
    return [n.name for n in result.nodes if n.lost or n.duplicates or any(note.startswith("crash ") for note in n.notes)]


def command_line(
    names: Sequence[str], lasts: str, seed: int, faults: Sequence[Order] = (), broker: str | None = None,
    lns: str | None = None, gateways: Sequence[str] = (), downlinks: Sequence[str] = (),
) -> str:  # fmt: skip
    """The same run again. Never holds a password: a broker's log-in has to be added by hand."""
    words = ["kerbstone", "emulate", *names, "--for", lasts, "--seed", str(seed)]
    for order in faults:
        words += ["--fault", word(order)]
    if broker:
        words += ["--broker", f"mqtt://{BrokerAddress.parse(broker)}"]
    if lns:
        words += ["--lns", lns]
    for place in gateways:
        words += ["--gateway", place]
    for down in downlinks:
        words += ["--downlink", down]
    return shlex.join(words)
