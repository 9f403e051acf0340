"""Roll-outs in the books: begun and decided in signed transactions, each decision a row of the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, insert, select, update

from kerbstone.books.books import Books, Change
from kerbstone.books.tables import rollout_devices, rollouts
from kerbstone.errors import UpdateError
from kerbstone.update.opened import Opened
from kerbstone.update.rollout import rings as ring_rules
from kerbstone.update.rollout.gate import OPEN, Gate, Verdict
from kerbstone.update.rollout.model import (
    DONE,
    ENDED,
    HALTED,
    REFUSED,
    RUNNING,
    UNDER_WAY,
    WAITING,
    Device,
    Rollout,
)

_LIVE = (RUNNING, HALTED)
_COLUMNS = [column for column in rollouts.c if column.name != "bundle"]
_MACHINE = ("state", "reason", "fragments", "sent", "offered_s", "heard_s", "before", "after")  # of a device, written as it reports
_LONGEST_NAME = 64


class Ledger:
    """The roll-outs of opened books. Whatever is asked wrongly raises UpdateError with one sentence, and changes nothing."""

    def __init__(self, books: Books):
        self._books = books

    @property
    def member(self) -> str:
        return self._books.member.name

    def publish(self, name: str, data: bytes, about: Opened, devices: Sequence[str], rings: Sequence[str],
                named: dict[str, list[str]], gate: Gate, now_s: int) -> Rollout:
        """Begins a roll-out: its first ring is offered the update by whoever runs it."""
        if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or len(name) > _LONGEST_NAME:
            raise UpdateError(f"{name!r} is no name for a roll-out: letters, digits, -, _ and ., at most {_LONGEST_NAME}.")
        where = ring_rules.assign(devices, rings, name.encode(), named)
        with self._books.change("rollout") as change:
            connection = change.connection
            if connection.execute(select(rollouts.c.name).where(rollouts.c.name == name)).first():
                raise UpdateError(f"There is a roll-out {name} already: give this one another name.")
            self._free(connection, where.keys())
            connection.execute(insert(rollouts), {
                "name": name, "bundle": data, "sha256": about.sha256, "sequence": about.sequence, "device_class": about.device_class,
                "rings": list(rings), "gate": asdict(gate), "ring": 0, "ring_s": now_s, "state": RUNNING, "reason": "", "version": 0,
                "listening_s": 0, "beat_s": 0,
            })  # fmt: skip
            rows = [{**asdict(Device(device, ring)), "rollout": name} for device, ring in where.items()]
            connection.execute(insert(rollout_devices), rows)
            sizes = [list(where.values()).count(ring) for ring in range(len(rings))]
            change.note("rollout-publish", name, sha256=about.sha256, sequence=about.sequence, rings=dict(zip(rings, sizes, strict=True)))
        return self.load(name)

    def names(self) -> list[tuple[str, str]]:
        """(name, state) of all, the latest first."""
        with self._books.look() as connection:
            rows = connection.execute(select(rollouts.c.name, rollouts.c.state).order_by(rollouts.c.ring_s.desc(), rollouts.c.name))
            return [(str(name), str(state)) for name, state in rows]

    def only(self, name: str | None) -> str:
        """The name itself, or that of the one roll-out that is not finished; the latest when all are."""
        known = self.names()
        if name is not None:
            if name not in dict(known):
                raise UpdateError(f"There is no roll-out {name}: `kerbstone update status` shows what there is.")
            return name
        live = [one for one, state in known if state in _LIVE]
        if len(live) > 1:
            raise UpdateError(f"{len(live)} roll-outs are under way ({', '.join(live[:5])}): name one.")
        if not known:
            raise UpdateError("There is no roll-out in these books: `kerbstone update publish` begins one.")
        return live[0] if live else known[0][0]

    def load(self, name: str) -> Rollout:
        """With its devices, by ring and id."""
        with self._books.look() as connection:
            row = connection.execute(select(*_COLUMNS).where(rollouts.c.name == name)).one()
            of = rollout_devices.c
            devices = connection.execute(select(rollout_devices).where(of.rollout == name).order_by(of.ring, of.name)).mappings().all()
        found = Rollout(**row._mapping)
        found.devices = [Device(**{key: value for key, value in one.items() if key != "rollout"}) for one in devices]
        return found

    def standing(self, name: str) -> tuple[str, int]:
        """(state, version): whether a decision was taken elsewhere."""
        with self._books.look() as connection:
            state, version = connection.execute(select(rollouts.c.state, rollouts.c.version).where(rollouts.c.name == name)).one()
            return str(state), int(version)

    def bundle(self, name: str) -> bytes:
        with self._books.look() as connection:
            return bytes(connection.execute(select(rollouts.c.bundle).where(rollouts.c.name == name)).scalar_one())

    def keep(self, name: str, devices: Iterable[Device]) -> None:
        """Writes down how far devices are."""
        rows = [{**{key: getattr(device, key) for key in _MACHINE}, "of": device.name} for device in devices]
        if not rows:
            return
        with self._books.change("rollout") as change:
            columns = rollout_devices.c
            for row in rows:
                values = {key: row[key] for key in _MACHINE}
                change.connection.execute(update(rollout_devices).where(columns.rollout == name, columns.name == row["of"]).values(values))

    def beat(self, name: str, listening_s: int, now_s: int) -> None:
        """A run says that it listens."""
        with self._books.change("rollout") as change:
            values = {"listening_s": listening_s, "beat_s": now_s}
            change.connection.execute(update(rollouts).where(rollouts.c.name == name).values(values))

    # -- decisions ----------------------------------------------------------------------------------------

    def promote(self, name: str, now_s: int, verdict: Verdict, force: bool = False, by: str = "member") -> Rollout:
        """The next ring begins; behind the last, the roll-out is done. Refused while the gate is not open, unless forced."""
        with self._books.change("rollout") as change:
            row = self._row(change, name)
            if row.state != RUNNING:
                raise UpdateError(f"Roll-out {name} is {row.state}: {_next_step(row.state, name)}")
            if verdict.state != OPEN and not force:
                raise UpdateError(f"The gate of ring {row.ring + 1} is {verdict.state}: {verdict.why}. Wait, or promote with --force.")
            last = row.ring == len(row.rings) - 1
            values: dict[str, Any] = {"state": DONE} if last else {"ring": row.ring + 1, "ring_s": now_s}
            self._decide(change, row, "promote", verdict.why, values, ring=row.ring + 1, forced=force and verdict.state != OPEN, by=by)
        return self.load(name)

    def halt(self, name: str, reason: str, by: str = "member") -> Rollout:
        """Nothing more is sent. May be asked by whoever flashes, too."""
        with self._books.change("halt") as change:
            row = self._row(change, name)
            if row.state != RUNNING:
                raise UpdateError(f"Roll-out {name} is {row.state}: there is nothing to halt.")
            self._decide(change, row, "halt", reason, {"state": HALTED, "reason": reason}, ring=row.ring + 1, by=by)
        return self.load(name)

    def resume(self, name: str, now_s: int) -> Rollout:
        """Goes on in the same ring. Devices that refused are offered it again, those that went back not: its number has failed there."""
        with self._books.change("rollout") as change:
            row = self._row(change, name)
            if row.state != HALTED:
                raise UpdateError(f"Roll-out {name} is {row.state}, not halted: {_next_step(row.state, name)}")
            of = rollout_devices.c
            again = {"state": WAITING, "reason": "", "fragments": 0, "sent": 0}
            change.connection.execute(update(rollout_devices).where(of.rollout == name, of.state == REFUSED).values(again))
            under_way = update(rollout_devices).where(of.rollout == name, of.state.in_(UNDER_WAY))
            change.connection.execute(under_way.values(offered_s=now_s, heard_s=now_s))
            self._decide(change, row, "resume", "", {"state": RUNNING, "reason": "", "ring_s": now_s}, ring=row.ring + 1)
        return self.load(name)

    def end(self, name: str) -> Rollout:
        """For good: devices that have the update keep it."""
        with self._books.change("rollout") as change:
            row = self._row(change, name)
            if row.state not in _LIVE:
                raise UpdateError(f"Roll-out {name} is {row.state} already.")
            self._decide(change, row, "end", "", {"state": ENDED}, ring=row.ring + 1)
        return self.load(name)

    def _row(self, change: Change, name: str) -> Any:
        return change.connection.execute(select(*_COLUMNS).where(rollouts.c.name == name)).one()

    def _decide(self, change: Change, row: Any, action: str, why: str, values: dict[str, Any], **details: object) -> None:
        change.connection.execute(update(rollouts).where(rollouts.c.name == row.name).values(version=row.version + 1, **values))
        change.note(f"rollout-{action}", row.name, why=why, **details)

    def _free(self, connection: Connection, wanted: Iterable[str]) -> None:
        """One update at a time for each device."""
        of = rollout_devices.c
        taken = connection.execute(
            select(of.name, of.rollout).join(rollouts, rollouts.c.name == of.rollout).where(rollouts.c.state.in_(_LIVE))
        ).all()  # fmt: skip
        mine = set(wanted)
        for device, other in taken:
            if device in mine:
                raise UpdateError(f"{device} is in roll-out {other}, which is under way: `kerbstone update end {other}` ends that one.")


def _next_step(state: str, name: str) -> str:
    return f"`kerbstone update resume {name}` goes on with it." if state == HALTED else "publish the update again, or another."
