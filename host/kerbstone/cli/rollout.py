"""`kerbstone update publish | run | status | promote | halt | resume | end | rehearse`: staged roll-out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from sqlalchemy import select

from kerbstone.books.books import Books
from kerbstone.books.tables import batches
from kerbstone.books.tables import devices as device_rows
from kerbstone.build.node import load_node
from kerbstone.cli.access import DEFAULT, AsOption, BooksOption, JsonOption, enter
from kerbstone.cli.durations import duration_us
from kerbstone.errors import NodeFileError, UpdateError
from kerbstone.identity.registry import RETIRED, REVOKED
from kerbstone.listen.broker import BrokerAddress
from kerbstone.update import bundle, keybook
from kerbstone.update.carry.mqtt import SIZE
from kerbstone.update.opened import open_bundle
from kerbstone.update.rollout import rings as ring_rules
from kerbstone.update.rollout import show
from kerbstone.update.rollout.gate import Gate
from kerbstone.update.rollout.ledger import Ledger
from kerbstone.update.rollout.model import HALTED, RUNNING, Rollout
from kerbstone.update.rollout.over_mqtt import MqttTransport
from kerbstone.update.rollout.rehearsal import Wish, rehearse
from kerbstone.update.rollout.runner import Runner

_STEP_S = 0.2
_SHOW_S = 2.0

NameArgument = Annotated[str | None, typer.Argument(help="The roll-out; not needed where one alone is under way.")]
RingsOption = Annotated[str, typer.Option(help="Shares that grow, or files of device ids before them: canary.txt,10%,100%.")]
ShareOption = Annotated[str, typer.Option("--share", help="Of a ring that has to be confirmed.")]
WithinOption = Annotated[str, typer.Option("--within", help="By then, from the ring's beginning.")]
FailuresOption = Annotated[str, typer.Option("--failures", help="Share of a ring that may refuse, go back, fall silent or get worse.")]
SilentOption = Annotated[str, typer.Option("--silent", help="Without a word for so long: counts as failed.")]
DropOption = Annotated[float, typer.Option("--battery-drop", min=0.0, max=60.0, help="V a battery may lose from before to after.")]
AutoOption = Annotated[bool, typer.Option("--auto", help="The next ring begins by itself when the gate of this one is open.")]
BundleArgument = Annotated[Path, typer.Argument(help="A bundle, as `kerbstone update sign` writes it.")]


def register(app: typer.Typer) -> None:
    """Adds the verbs to `kerbstone update`."""
    for command in (publish, run, status, promote, halt, resume, end):
        app.command()(command)
    app.command("rehearse")(rehearsal)


def publish(
    file: BundleArgument,
    rings: RingsOption = "1%,10%,100%",
    name: Annotated[str | None, typer.Option(help="Of the roll-out; the bundle's unless given.")] = None,
    devices: Annotated[Path | None, typer.Option(help="File of device ids, one a line.")] = None,
    batch: Annotated[list[str] | None, typer.Option(help="A batch of the books; repeatable. Without: all of the class.")] = None,
    share: ShareOption = "95%", within: WithinOption = "3d", failures: FailuresOption = "2%", silent: SilentOption = "12h",
    battery_drop: DropOption = 0.12, auto: AutoOption = False,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Begin a roll-out: its first ring is offered the update as soon as `kerbstone update run` works on it.

    Example: kerbstone update publish bin-2.kup --rings 1%,10%,100% --batch bins-2026
    """
    gate = _gate(share, within, failures, silent, battery_drop, auto)
    labels = ring_rules.labels(rings)
    data = _read(file)
    opened = enter(books, member)
    about = open_bundle(data, keybook.public_keys(opened).values())
    ids = ring_rules.read_ids(devices) if devices else _of_books(opened, about.device_class, batch)
    named = {label: ring_rules.read_ids(Path(label)) for label in labels if not label.endswith("%")}
    if devices is None and batch is None and not ids:
        raise UpdateError("No device of these books has a node file of the bundle's class: name the devices with --devices FILE.")
    begun = Ledger(opened).publish(name or file.stem, data, about, ids, labels, named, gate, int(time.time()))
    _tell(begun, json_out)


def run(
    name: NameArgument = None,
    via: Annotated[str, typer.Option(help="mqtt://[user:password@]host[:port].")] = "mqtt://localhost",
    prefix: Annotated[str, typer.Option(help="Of the topics.")] = "kerb",
    pace: Annotated[float, typer.Option(min=0.0, max=3600.0, help="Seconds between two fragments of a device, at least.")] = 0.0,
    size: Annotated[int, typer.Option(min=20, max=512, help="Bytes of a fragment.")] = SIZE,
    duration: Annotated[str | None, typer.Option("--for", help="Stop after so long; else when done or halted.")] = None,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Work on a roll-out: send, listen, judge. Exit code 1 when it is halted. What devices say between two runs waits at the broker.

    Example: kerbstone update run --via mqtt://broker
    """
    until = time.monotonic() + duration_us(duration) / 1e6 if duration else float("inf")
    ledger = Ledger(enter(books, member))
    name = ledger.only(name)
    _must_run(ledger.load(name))
    console = Console(stderr=True)
    with MqttTransport(BrokerAddress.parse(via), name, prefix, pace, size) as transport:
        runner = Runner(ledger, name, transport)
        try:
            with Live(console=console, auto_refresh=False, transient=True) as live:
                shown = 0.0
                while runner.rollout.state == RUNNING and time.monotonic() < until:
                    runner.step()
                    if console.is_terminal and time.monotonic() - shown > _SHOW_S:
                        shown = time.monotonic()
                        live.update(show.table(runner.rollout), refresh=True)
                    time.sleep(_STEP_S)
        finally:
            runner.close()
        if runner.rollout.state not in (RUNNING, HALTED):
            transport.remove()
    _tell(ledger.load(name), json_out)
    if runner.rollout.state == HALTED:
        raise typer.Exit(1)


def status(name: NameArgument = None, books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False) -> None:
    """Show how far a roll-out is: a line a ring, and what its gate says.

    Example: kerbstone update status --json
    """
    ledger = Ledger(enter(books, member))
    _tell(ledger.load(ledger.only(name)), json_out)


def promote(
    name: NameArgument = None,
    force: Annotated[bool, typer.Option("--force", help="Though the gate is not open; the log says who.")] = False,
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Begin the next ring, if the gate of the present one is open.

    Example: kerbstone update promote bin-2
    """
    ledger = Ledger(enter(books, member))
    rollout = ledger.load(ledger.only(name))
    _tell(ledger.promote(rollout.name, int(time.time()), show.verdict(rollout), force), json_out)


def halt(
    name: NameArgument = None,
    reason: Annotated[str, typer.Option(help="For the log.")] = "",
    books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False,
) -> None:
    """Stop sending at once. Who flashes may halt, too; to go on takes an owner.

    Example: kerbstone update halt --reason "lamps flicker"
    """
    ledger = Ledger(enter(books, member))
    _tell(ledger.halt(ledger.only(name), reason), json_out)


def resume(name: NameArgument = None, books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False) -> None:
    """Go on with a halted roll-out; devices that refused are offered the update again.

    Example: kerbstone update resume bin-2
    """
    ledger = Ledger(enter(books, member))
    _tell(ledger.resume(ledger.only(name), int(time.time())), json_out)


def end(name: NameArgument = None, books: BooksOption = DEFAULT, member: AsOption = "owner", json_out: JsonOption = False) -> None:
    """End a roll-out for good. Devices that have the update keep it.

    Example: kerbstone update end bin-2
    """
    ledger = Ledger(enter(books, member))
    _tell(ledger.end(ledger.only(name)), json_out)


def rehearsal(
    node: Annotated[str, typer.Argument(help="Node file of what the devices run now, with [update] and LoRaWAN.")],
    file: BundleArgument,
    rings: RingsOption = "1%,10%,100%",
    nodes: Annotated[int, typer.Option(min=1, max=5000, help="How many emulated nodes.")] = 20,
    duration: Annotated[str, typer.Option("--for", help="Virtual time at most.")] = "5d",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same run.")] = 1,
    size: Annotated[int, typer.Option(min=20, max=242, help="Bytes of a fragment.")] = 51,
    share: ShareOption = "95%", within: WithinOption = "3d", failures: FailuresOption = "2%", silent: SilentOption = "12h",
    battery_drop: DropOption = 0.12, json_out: JsonOption = False,
) -> None:
    """Roll out to emulated nodes in virtual time; rings follow each other as their gates open. Exit code 1 when it was halted.

    Example: kerbstone update rehearse bin.toml bin-2.kup --nodes 50
    """
    gate = _gate(share, within, failures, silent, battery_drop, True)
    wish = Wish(nodes, tuple(ring_rules.labels(rings)), gate, duration_us(duration) // 1_000_000, seed, size=size)
    if named := [label for label in wish.rings if not label.endswith("%")]:
        raise UpdateError(f"A rehearsal has nodes of its own, ring {named[0]} names others: give shares alone.")
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def progress(rollout: Rollout, now_s: int) -> None:
            if console.is_terminal and not now_s % 3600:
                live.update(show.table(rollout), refresh=True)

        done = rehearse(load_node(node), _read(file), wish, progress)
    if json_out:
        more = {"installed": sorted(done.installed), "uplinks": done.uplinks, "stopped_s": done.stopped_s}
        typer.echo(json.dumps(show.as_json(done.rollout) | more))
    else:
        Console().print(show.table(done.rollout))
        typer.echo(f"{show.sentence(done.rollout)} {len(done.installed)} of {nodes} nodes ever started the update.")
    if done.rollout.state == HALTED:
        raise typer.Exit(1)


def _tell(rollout: Rollout, json_out: bool) -> None:
    if json_out:
        typer.echo(json.dumps(show.as_json(rollout)))
        return
    Console().print(show.table(rollout))
    typer.echo(show.sentence(rollout, int(time.time())))


def _must_run(rollout: Rollout) -> None:
    if rollout.state == HALTED:
        raise UpdateError(f"Roll-out {rollout.name} is halted: `kerbstone update resume {rollout.name}` goes on with it.")
    if rollout.state != RUNNING:
        raise UpdateError(f"Roll-out {rollout.name} is {rollout.state}: there is nothing to be done.")


def _gate(share: str, within: str, failures: str, silent: str, drop_v: float, auto: bool) -> Gate:
    wanted, may = _share(share, "--share"), _share(failures, "--failures")
    if wanted <= 0 or may >= 1:
        raise UpdateError("A gate needs a --share above 0 % and --failures below 100 %, or it lets everything through.")
    return Gate(wanted, duration_us(within) // 1_000_000, may, duration_us(silent) // 1_000_000, drop_v, auto)


def _share(text: str, option: str) -> float:
    try:
        found = float(text.removesuffix("%")) / 100 if text.endswith("%") else -1.0
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise UpdateError(f"{option} {text} is no share: write 0% to 100%.")
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UpdateError(f"{file} cannot be read: {error.strerror}.") from error


def _of_books(books: Books, device_class: str, names: list[str] | None) -> list[str]:
    """Device ids of batches whose node file takes updates of this class; of all such batches unless some are named."""
    with books.look() as connection:
        known = {str(name): str(node) for name, node in connection.execute(select(batches.c.name, batches.c.node))}
        for name in names or []:
            if name not in known:
                raise UpdateError(f"There is no batch {name} in these books: `kerbstone identity list` shows what there is.")
            if _class_of(known[name]) != device_class:
                raise UpdateError(f"Batch {name} has node {known[name]}, which takes no updates of this bundle's class.")
        taken = names or [name for name, node in known.items() if _class_of(node) == device_class]
        rows = select(device_rows.c.serial).where(device_rows.c.batch.in_(taken), device_rows.c.state.not_in((REVOKED, RETIRED)))
        return list(connection.execute(rows.order_by(device_rows.c.serial)).scalars())


def _class_of(node: str) -> str:
    try:
        table = load_node(node).spec.update
    except NodeFileError:  # it lies on another computer
        return ""
    return bundle.class_id(table.vendor, table.device_class).hex() if table else ""
