"""The radio side of a cell: the air, its gateways, the bench network server or somebody else's, and the listener behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerbstone.build.node import LoRaWanTable
from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.gateway import FIRST_EUI, Backhaul, Gateway
from kerbstone.emulator.air.network import COLLECT_US, NetworkServer
from kerbstone.emulator.air.ns_adr import MARGIN_DB
from kerbstone.emulator.air.observer import Observer
from kerbstone.emulator.air.pathloss import PathLoss
from kerbstone.emulator.air.patience import Patience
from kerbstone.emulator.air.plan import Plan, plan
from kerbstone.emulator.air.semtech_udp import SemtechUdp
from kerbstone.emulator.identity import EmulatedIdentity
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.lns import Lns
from kerbstone.emulator.runtime import Runtime
from kerbstone.emulator.world.site import Site
from kerbstone.errors import KerbstoneError
from kerbstone.listen.lorawan import Arrival, LoRaWanListener

Place = tuple[float, float]  # metres east and north of the cell's origin
ORIGIN: Place = (0.0, 0.0)
_FARTHEST_M = 100_000.0


def read_place(text: str) -> Place:
    """A place from "X,Y" in metres. Raises KerbstoneError."""
    try:
        x, y = (float(word) for word in text.split(","))
        if not (abs(x) <= _FARTHEST_M and abs(y) <= _FARTHEST_M):
            raise ValueError
    except ValueError:
        raise KerbstoneError(f"{text!r} is no place of a gateway: write X,Y in metres, such as 800,-250, at most 100 km off.") from None
    return x, y


class RadioCell:
    """Costs nothing until a LoRaWAN node is registered. Every node of a cell is in the same region.

    `lns`: another network server, instead of the bench one. `places`: of the gateways; a node's `gateway_m` counts from the origin.
    """

    def __init__(self, kernel: Kernel, seed: int, start_utc: int, lns: Lns | None = None, places: Sequence[Place] = (ORIGIN,)):
        self.channel = Channel(kernel, PathLoss(seed), self._body_loss_db)
        self.listener = LoRaWanListener()
        self._kernel = kernel
        self._start_utc = start_utc
        self._sites: dict[str, Site] = {}
        self._region = ""
        self._lns = lns
        self._observer = Observer(self.listener.on_uplink) if lns else None
        self.server: NetworkServer | None = None  # once a LoRaWAN node is registered
        self.gateways: list[Gateway] = []
        self._places = tuple(places)

    def _body_loss_db(self, sender: str, t_us: int) -> float:
        site = self._sites.get(sender)
        return site.extra_loss_db(t_us) if site else 0.0

    def register(self, runtime: Runtime) -> None:
        """Enrols the node with the network server, if LoRaWAN is its bearer."""
        uplink = runtime.node.bearer(LoRaWanTable)
        if uplink is None:
            return
        self._sites[runtime.node.name] = runtime.site
        self.enrol(runtime.node.name, runtime.identity, plan(uplink.region), uplink.adr_margin_db, uplink.device_class == "C")

    def enrol(
        self, name: str, identity: EmulatedIdentity, of: Plan, adr_margin_db: float = MARGIN_DB, always_on: bool = False
    ) -> None:  # fmt: skip
        """Makes a device known to the network server, whatever it is that transmits under this name."""
        self._region = of.name
        if self._observer:
            self._observer.register(identity.dev_eui, identity.app_key, name)
            return
        if self.server is None:
            self.server = NetworkServer(self.listener.on_uplink, self._start_utc, of, collect=len(self._places) > 1)
        self.server.register(identity.dev_eui, identity.join_eui, identity.app_key, name, adr_margin_db, always_on)

    def start(self) -> None:
        """Network server and gateway begin to work; again when more nodes have come is harmless."""
        if self.gateways or not self._region:
            return
        if self.server:
            self.server.start()
        poll_after_us = COLLECT_US if self.server and len(self._places) > 1 else None
        patience = Patience(self._lns.wait_s) if self._lns else None
        for i, place in enumerate(self._places):
            name = f"gateway-{i + 1}" if i else "gateway"
            self.channel.place(name, *place)
            gateway = Gateway(
                self._kernel, self.channel, self._backhaul(patience), self._start_utc, name, (FIRST_EUI + i).to_bytes(8, "big"),
                plan=plan(self._region), observer=self._observer, poll_after_us=poll_after_us,
            )  # fmt: skip
            self.gateways.append(gateway)
            gateway.start()

    def _backhaul(self, patience: Patience | None) -> Backhaul:
        if self._lns and patience:
            return self._lns.backhaul(patience)
        assert self.server is not None
        return SemtechUdp(self.server.address)

    def send(self, dev_eui: str, port: int, data: bytes, confirmed: bool = False) -> None:
        """Queues a downlink at the bench network server; a device of class C gets it at once."""
        assert self.server is not None
        self.server.enqueue(dev_eui, port, data, confirmed)
        if self.server.device(dev_eui).always_on:
            for gateway in self.gateways:
                gateway.poll()

    def network(self, dev_eui: str) -> dict[str, Any]:
        """What the bench network server knows of a node; empty with another's server or bearer."""
        return self.server.summary(dev_eui) if self.server else {}

    def arrivals(self, name: str) -> list[Arrival]:
        """What the network server delivered for a node; with another's server, what the gateway forwarded to it."""
        return self.listener.arrivals(name)

    def close(self) -> None:
        for gateway in self.gateways:
            gateway.close()
        if self.server:
            self.server.close()
