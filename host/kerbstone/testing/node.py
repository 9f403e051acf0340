"""One emulated node under the hand of a test."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

from kerbstone import downlink
from kerbstone.build.node import MqttTable, Node
from kerbstone.cli.durations import duration_us
from kerbstone.emulator.air.network import NetworkServer
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.cell import NodeTrace, trace
from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.parts.base import Part
from kerbstone.emulator.result import NodeResult
from kerbstone.emulator.runtime import Runtime
from kerbstone.emulator.tally import Arrival, tally
from kerbstone.energy.budget import DAY_US
from kerbstone.errors import KerbstoneError
from kerbstone.testing.site import PinnedSite

_BROKER_S = 2.0  # real time a broker may take to pass a message on

_UAS_PER_MAH = 3_600_000.0


class KerbNode:
    """A node on the bench, switched on. Time passes only in `run`, for every node of the test alike."""

    def __init__(self, bench: Bench, runtime: Runtime, arrivals: Callable[[NodeTrace], list[Arrival]],
                 tell_broker: Callable[[str, bytes], None]):
        self._bench = bench
        self._runtime = runtime
        self._arrivals = arrivals
        self._tell_broker = tell_broker
        self._commands = 0  # counter of the last command
        self._on_since_us = bench.kernel.now
        runtime.device.power_on()

    # -- time and power -----------------------------------------------------------------------------------

    @property
    def clock(self) -> float:
        """Virtual seconds since the bench began."""
        return self._bench.kernel.now / SECOND_US

    @property
    def utc(self) -> float:
        """The true time of day in the node's world, seconds since 1970."""
        return self._bench.start_utc + self.clock

    def run(self, duration: float | str) -> KerbNode:
        """Lets time pass: seconds, or words like "2h". Raises KerbstoneError for anything else. Returns the node, to go on with."""
        us = duration_us(duration) if isinstance(duration, str) else int(duration * SECOND_US)
        if us <= 0:
            raise KerbstoneError(f"A node cannot run for {duration!r} s: give a number above 0, or words like '2h'.")
        self._bench.run(self._bench.kernel.now + us)
        return self

    def power_cut(self, off_s: float = 1.0) -> None:
        """The battery is taken out now and put back after `off_s` seconds: RAM, registers and the radio's session are gone."""
        self._runtime.device.power_off()
        for part in self.parts.values():
            part.set_power(False)
        self._bench.kernel.after(int(off_s * SECOND_US), self._power_back)

    def _power_back(self) -> None:
        for part in self.parts.values():
            # A part behind a switched rail waits for its pin.
            if part.line("power") is None:
                part.set_power(True)
        self._runtime.device.power_on()

    # -- what surrounds it --------------------------------------------------------------------------------

    @property
    def node(self) -> Node:
        """The node file as it was read."""
        return self._runtime.node

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def site(self) -> PinnedSite:
        """The node's world: `site.set("distance_mm", 300)` pins a quantity."""
        return cast(PinnedSite, self._runtime.site)

    @property
    def parts(self) -> dict[str, Part]:
        """The virtual chips by their names in the node file, and "radio"."""
        return self._runtime.parts

    @property
    def network(self) -> NetworkServer:
        """The bench's LoRaWAN network server. Raises KerbstoneError when the node has another bearer."""
        if self._bench.radio.server is None:
            raise KerbstoneError(f"{self.name} does not speak LoRaWAN, so it has no network server: look at its [uplink].")
        return self._bench.radio.server

    @property
    def dev_eui(self) -> str:
        return self._runtime.identity.dev_eui

    def enqueue(self, port: int, data: bytes, confirmed: bool = False) -> None:
        """Queues a LoRaWAN downlink; it leaves after the node's next uplink, to a node of class C at once.

        Raises KerbstoneError when the node has another bearer.
        """
        _ = self.network
        self._bench.radio.send(self.dev_eui, port, data, confirmed)

    # -- what it did --------------------------------------------------------------------------------------

    @property
    def result(self) -> NodeResult:
        """Every figure of the run so far, as `kerbstone emulate --json` has it."""
        now = self._bench.kernel.now
        seen = trace(self._runtime, self._bench.radio, now)
        return tally(self._runtime.node, seen, self._arrivals(seen), self._bench.start_utc, self.on_for_us)

    @property
    def records(self) -> list[dict[str, Any]]:
        """What was decoded at the other end, in order: {"t_us", "sample_us", "record", "values", "quality", "trust", "repeat"}."""
        return self.result.records

    @property
    def service(self) -> list[dict[str, Any]]:
        """Answers, health and crashes that arrived, in order: as records, with their "profile"."""
        return self.result.service

    def command(self, kind: str, body: object = None, counter: int | None = None, port: int = 20) -> bytes:
        """Sends an authenticated command by the node's own bearer; `counter` counts on by itself. Returns the message."""
        self._commands = counter if counter is not None else self._commands + 1
        identity = self._runtime.identity
        message = downlink.seal(identity.values(), kind, self._commands, body)
        self.send(message, port)
        return message

    def send(self, message: bytes, port: int = 20) -> None:
        """Sends any bytes by the node's own bearer."""
        uplink = self.node.spec.uplink
        if isinstance(uplink, MqttTable):
            before = self._unread()
            self._tell_broker(self._runtime.identity.device_id, message)
            # Virtual minutes are shorter than the broker's way to a node that is connected.
            end = time.monotonic() + _BROKER_S
            while 0 <= before >= self._unread() >= 0 and time.monotonic() < end:
                time.sleep(0.001)
        else:
            self._bench.radio.send(self.dev_eui, port, message)

    def _unread(self) -> int:
        return self._runtime.sockets.unread() if self._runtime.sockets else -1

    @property
    def values(self) -> dict[str, Any]:
        """The values of the latest record. Raises KerbstoneError when none has arrived."""
        records = self.records
        if not records:
            raise KerbstoneError(f"Nothing has arrived from {self.name} in {self.clock:.0f} s: let it run longer, and look at .console.")
        return cast(dict[str, Any], records[-1]["values"])

    @property
    def notes(self) -> list[str]:
        """Faults, notes and tracebacks."""
        return self.result.notes

    @property
    def console(self) -> list[str]:
        """Every line the firmware printed."""
        return self._runtime.console.read_text(encoding="utf-8", errors="replace").splitlines()

    @property
    def events(self) -> list[tuple[int, str, str, dict[str, Any]]]:
        """The event log of the node: (t_us, source, kind, fields)."""
        return self._bench.kernel.log.of(self.name)

    @property
    def wakes(self) -> int:
        """Boots, cold or from deep sleep."""
        return self._runtime.device.boots

    @property
    def energy_mah(self) -> float:
        """Charge the whole node has drawn so far."""
        return sum(self.energy_by_part.values())

    @property
    def energy_by_part(self) -> dict[str, float]:
        """mAh by consumer: "mcu", "radio" and the parts."""
        ledger = self._runtime.device.ledger
        ledger.settle()
        return {name: meter.total_uas / _UAS_PER_MAH for name, meter in ledger.meters.items()}

    # -- judgements ---------------------------------------------------------------------------------------

    def assert_nothing_lost(self) -> None:
        """Every reading has arrived or waits in the outbox, bit for bit; none arrived twice without saying so; nothing crashed."""
        r = self.result
        crashes = [n for n in r.notes if n.startswith(("crash", "not decoded"))]
        if r.lost or r.duplicates or crashes:
            about = "; ".join(r.notes[:5])
            raise AssertionError(f"{self.name}: {r.lost} of {r.readings} readings lost, {r.duplicates} unmarked duplicates. {about}")

    @property
    def on_for_us(self) -> int:
        """Virtual time since it was switched on, at least 1."""
        return max(self._bench.kernel.now - self._on_since_us, 1)

    @property
    def mah_per_day(self) -> float:
        """What it draws, on the average since it was switched on."""
        return self.energy_mah * DAY_US / self.on_for_us

    def assert_budget(self, mah_per_day: float) -> None:
        """The node draws no more than this, on the average since it was switched on. A [budget] in its file is judged without asking."""
        drawn = self.mah_per_day
        if drawn > mah_per_day:
            most = sorted(self.energy_by_part.items(), key=lambda item: -item[1])[:3]
            shares = ", ".join(f"{name} {mah:.3f} mAh" for name, mah in most)
            raise AssertionError(f"{self.name} draws {drawn:.3f} mAh a day, more than {mah_per_day:g}; so far {shares}.")
