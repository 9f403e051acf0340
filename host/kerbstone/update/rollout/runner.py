"""Works on one roll-out: sends, listens, judges, and halts it when the gate breaks. A step at a time, so that any clock can drive it."""

from __future__ import annotations

from kerbstone.update.carry.push import Push
from kerbstone.update.fragments import Parcel
from kerbstone.update.rollout import gate as gates
from kerbstone.update.rollout.follow import Follower
from kerbstone.update.rollout.gate import Gate
from kerbstone.update.rollout.ledger import Ledger
from kerbstone.update.rollout.model import OFFERED, RECEIVING, RUNNING, UNDER_WAY, WAITING, Device, Rollout
from kerbstone.update.rollout.transport import Transport


class Runner:
    """`ledger`: where the decisions are; those that others take there are obeyed at the next step. `beat_s`: how often it says that it
    listens, and writes when devices were heard last; what they reported is written at once."""

    def __init__(self, ledger: Ledger, name: str, transport: Transport, beat_s: int = 60):
        self._ledger = ledger
        self._transport = transport
        self._data = ledger.bundle(name)
        self.rollout: Rollout = ledger.load(name)
        self.gate = Gate(**self.rollout.gate)
        parcel = Parcel(self._data, transport.size)
        self._follower = Follower(parcel.name, self.rollout.sequence, parcel.count)
        self._push = Push(
            transport.send, transport.size, transport.window, transport.spare, transport.now_s, transport.forget, transport.room,
            transport.at_once, transport.settle_s,
        )  # fmt: skip
        self.listening_s = int(transport.now_s())
        self._devices: dict[str, Device] = {}
        self._dirty: set[str] = set()
        self._every_s, self._beat_s = beat_s, 0
        self._look()

    def _look(self) -> None:
        self.rollout = self._ledger.load(self.rollout.name)
        self._devices = {device.name: device for device in self.rollout.devices}

    def step(self) -> None:
        """Raises what the books and the transport raise."""
        now_s = int(self._transport.now_s())
        urgent = self._listen()
        self._beat(now_s)
        if self._ledger.standing(self.rollout.name) != (self.rollout.state, self.rollout.version):
            self._write()  # what devices said is not to be lost by reading anew
            was = self.rollout.state
            self._look()
            if self.rollout.state != RUNNING and was == RUNNING:
                self._withdraw()
        if self.rollout.state != RUNNING:
            self._write()
            return
        self._decide(now_s)
        if self.rollout.state == RUNNING:
            urgent |= self._send(now_s)
        if urgent:
            self._write()

    def close(self) -> None:
        """Writes down what is known."""
        self._write()

    def _listen(self) -> bool:
        changed = False
        for frame in self._transport.heard():
            device = self._devices.get(frame.device)
            if device:
                self._push.note(device.name, frame.payload)
                changed |= self._follower.hear(device, frame.payload, frame.at_s)
                self._dirty.add(device.name)
        return changed

    def _decide(self, now_s: int) -> None:
        rings = [self.rollout.of_ring(ring) for ring in range(self.rollout.ring + 1)]
        verdicts = [gates.judge(ring, self.gate, now_s, self.listening_s) for ring in rings]
        for ring, found in enumerate(verdicts):
            if found.state == gates.BROKEN:
                self._write()
                self._ledger.halt(self.rollout.name, f"ring {ring + 1} ({self.rollout.rings[ring]}): {found.why}", by="gate")
                self._look()
                self._withdraw()
                return
        if verdicts[-1].state != gates.OPEN:
            return
        # Behind the last ring nothing more is sent: the last of its devices are waited for.
        if self._settled(now_s) if self.rollout.last_ring else self.gate.auto:
            self._write()
            self._ledger.promote(self.rollout.name, now_s, verdicts[-1], by="gate")
            self._look()

    def _settled(self, now_s: int) -> bool:
        found = [gates.standing(device, self.gate, now_s, self.listening_s)[0] for device in self.rollout.devices]
        return not any(state in (*UNDER_WAY, WAITING) for state in found)

    def _send(self, now_s: int) -> bool:
        sent = False
        for device in self.rollout.devices:
            if device.ring > self.rollout.ring:
                continue
            if device.state == WAITING:
                device.state, device.offered_s, device.heard_s = OFFERED, now_s, now_s
                self._dirty.add(device.name)
                sent = True
            if device.state in (OFFERED, RECEIVING):
                self._carry(device)
            elif self._push.pace(device.name):
                self._push.stop(device.name)
        return sent

    def _carry(self, device: Device) -> None:
        if (pace := self._push.pace(device.name)) is None:
            self._push.begin(device.name, self._data, device.fragments, device.sent)
            pace = self._push.pace(device.name)
        else:
            self._push.pump(device.name)
        if pace and pace.sent != device.sent:
            device.sent = pace.sent
            self._dirty.add(device.name)

    def _withdraw(self) -> None:
        for device in self.rollout.devices:
            self._push.stop(device.name)

    def _write(self) -> None:
        self._ledger.keep(self.rollout.name, [self._devices[name] for name in sorted(self._dirty)])
        self._dirty.clear()

    def _beat(self, now_s: int) -> None:
        if now_s - self._beat_s >= self._every_s:
            self._write()
            self._ledger.beat(self.rollout.name, self.listening_s, now_s)
            self._beat_s = now_s
