"""One board, from whatever it is to a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kerbstone.books.books import Books
from kerbstone.build.package import Package, takes
from kerbstone.errors import FlashError, KerbstoneError, LinkError
from kerbstone.flash import console, drive, esp, rp2
from kerbstone.flash.files import START, Sender
from kerbstone.flash.images import MicroPython
from kerbstone.flash.link import Link
from kerbstone.flash.spots import Spot
from kerbstone.flash.troubles import Refused, recognise
from kerbstone.identity.writing import Place, write

_SELF_TEST = Path(__file__).with_name("onboard") / "selftest.py"
_SELF_TEST_S = 60.0
_SELF_TEST_SAYS = "self-test"
_RESET = "import machine\nmachine.reset()"


@dataclass(frozen=True)
class Load:
    """What boards of one chip get. `batch`: where identities come from; without one they are left alone."""

    package: Package
    image: MicroPython | None = None
    batch: str | None = None

    @property
    def mcu(self) -> str:
        return self.package.node.board.mcu


@dataclass(frozen=True)
class Order:
    """What is to be done with every board. `left_out`: parts that are not wired while flashing."""

    loads: Sequence[Load]
    books: Books | None = None
    left_out: frozenset[str] = frozenset()


@dataclass
class Verdict:
    """How it went. `reason` is empty for a board that passed; `seen`: what the self-test saw, by part."""

    where: str
    reason: str = ""
    kind: str = ""
    node: str = ""
    chip_id: str = ""
    serial: str = ""
    micropython: bool = False  # whether it was written
    sent: list[str] = field(default_factory=list)
    sent_bytes: int = 0
    seen: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.reason


def run(spot: Spot, order: Order, tell: Callable[[str], None]) -> Verdict:
    """Flashes, enrols, tests and starts the board at a spot; `tell` hears each step. Never raises for what a board does."""
    verdict = Verdict(spot.name)
    began = time.monotonic()
    try:
        _Job(spot, order, verdict, tell).run()
    except KerbstoneError as error:
        verdict.reason = str(error).removeprefix(f"{spot.name}: ")
        trouble = error.trouble if isinstance(error, Refused) else recognise(verdict.reason)
        verdict.kind = trouble.kind if trouble else "self-test" if verdict.reason.startswith(_SELF_TEST_SAYS) else "other"
    verdict.seconds = time.monotonic() - began
    return verdict


class _Job:
    def __init__(self, spot: Spot, order: Order, verdict: Verdict, tell: Callable[[str], None]):
        self._spot, self._order, self._verdict, self._tell = spot, order, verdict, tell
        self._port = spot.port or ""

    def run(self) -> None:
        self._tell("looking")
        load = self._micropython()
        self._verdict.node = load.package.node.name
        with Link(self._port) as link:
            self._check(link, load)
            starts = self._files(link, load)
        if self._order.books and load.batch:
            place = Place(self._port, load.package.node.board, self._spot.drive)
            done = write(self._order.books, place, load.batch, lambda step: self._tell(f"identity: {step}"))
            self._verdict.serial = done.serial
        with Link(self._port) as link:
            self._self_test(link)
            self._start(link, load, starts)

    # -- MicroPython ----------------------------------------------------------------------------------------

    def _micropython(self) -> Load:
        """Finds out what the board is and sees to it that it has its MicroPython; leaves it at a port with a prompt."""
        spot = self._spot
        if spot.drive and drive.is_drive(spot.drive):
            load = self._load("rp2040")
            if load.image is None:
                raise FlashError("an RP2040 in its boot loader has no MicroPython to talk to: name an image with --micropython.")
            self._install(None, load.image)
            return load
        if not spot.port:
            raise FlashError(f"the drive {spot.drive} has gone: hold BOOTSEL while you plug the board in, and run the command again.")
        state, heard = console.peek(spot.port)
        if state == console.PROMPT:
            return self._at_prompt()
        esps = [load for load in self._order.loads if load.mcu != "rp2040"]
        if not esps:
            raise FlashError("no MicroPython prompt: hold BOOTSEL while you plug the board in, and name its drive's folder as --port.")
        load = esps[0] if len(esps) == 1 else self._load(esp.chip_on(spot.port))
        if load.image:
            self._write(load.image)
            return load
        if "invalid header" in heard:
            raise FlashError("the board has no MicroPython: name an image with --micropython.")
        return self._load(esp.chip_on(spot.port))  # which also resets it: a node that sleeps wakes

    def _at_prompt(self) -> Load:
        with Link(self._port) as link:
            facts = link.facts()
            load = self._load(facts.mcu)
            if load.image is None:
                return load
            if load.mcu == "rp2040":
                if not rp2.holds(link, load.image):
                    self._install(link, load.image)
                return load
        self._write(load.image)
        return load

    def _install(self, link: Link | None, image: MicroPython) -> None:
        self._tell("MicroPython by UF2")
        self._port = rp2.install(link, self._spot.port, self._spot.drive, image.path.name, image.path.read_bytes())
        self._verdict.micropython = True
        with Link(self._port) as again:
            if not rp2.reads_back(again, image):
                raise FlashError("the flash does not keep what is written: take another board.")

    def _write(self, image: MicroPython) -> None:
        self._tell("MicroPython by esptool")
        self._verdict.micropython = esp.write(self._port, image, self._tell)

    def _load(self, mcu: str) -> Load:
        fitting = [load for load in self._order.loads if load.mcu == mcu]
        if len(fitting) == 1:
            return fitting[0]
        nodes = ", ".join(f"{load.package.node.name} ({load.mcu})" for load in self._order.loads)
        if not fitting:
            raise FlashError(f"it is another chip than the node is for: the board has an {mcu or 'unknown chip'}, and given are {nodes}.")
        raise FlashError(f"two of the nodes given are for an {mcu} ({nodes}): flash them in two commands.")

    # -- the node -------------------------------------------------------------------------------------------

    def _check(self, link: Link, load: Load) -> None:
        facts = link.facts()
        self._verdict.chip_id = facts.chip_id
        self._load(facts.mcu)
        if not takes(facts.mpy, load.package):
            raise FlashError(
                f"its MicroPython {'.'.join(map(str, facts.version))} takes .mpy files of version {facts.mpy & 0xFF}, and the node's are "
                f"{load.package.manifest['mpy_format']}: flash a newer one with --micropython."
            )

    def _files(self, link: Link, load: Load) -> bool:
        """Brings the files onto the board, the start files not yet; True when those must be written."""
        self._tell("comparing files")
        sender = Sender(link, load.package.files)
        changed, surplus = sender.missing()
        starts = [name for name in changed if name in START]
        ordinary = [name for name in changed if name not in START]
        if ordinary or surplus or starts:
            sender.remove([*START, *(f"{name}~" for name in START)])
            sender.remove(surplus)
            self._verdict.sent_bytes += sender.send(ordinary, lambda done, of: self._tell(f"files {done * 100 // max(of, 1)} %"))
            self._verdict.sent += ordinary
            sender.compare()
            return True
        return False

    def _self_test(self, link: Link) -> None:
        self._tell("self-test")
        rows = link.ask(f"skip = {sorted(self._order.left_out)!r}\n{_SELF_TEST.read_text()}", _SELF_TEST_S)
        self._verdict.seen = {name: seen for name, seen, _ in rows}
        if wrong := [f"{name}: {words}" for name, _, words in rows if words]:
            raise FlashError(f"{_SELF_TEST_SAYS}, {'; '.join(wrong)}.")

    def _start(self, link: Link, load: Load, starts: bool) -> None:
        if starts:
            sender = Sender(link, load.package.files)
            changed, _ = sender.missing()
            self._verdict.sent_bytes += sender.send(changed)
            self._verdict.sent += changed
            left, surplus = sender.missing()
            if left or surplus:
                raise FlashError(f"{(left or surplus)[0]} reads back otherwise than it was written: take another board.")
        link.leave(_RESET)
        if load.package.manifest["production"]:
            self._tell("trying the lock")
            self._try_lock()

    def _try_lock(self) -> None:
        """Knocks at the board that has just started. A port that is gone is locked too: an RP2040 has no USB before boot.py ends."""
        try:
            state, _ = console.peek(self._port)
        except LinkError:
            return
        if state == console.PROMPT:
            raise FlashError("the board shows a prompt although it was to be locked: flash it again.")
