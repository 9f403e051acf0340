"""The radio side of a cell: the air, one gateway, the bench network server or somebody else's, and the listener behind it."""

from __future__ import annotations

from kerbstone.build.node import LoRaWanTable
from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.gateway import Gateway
from kerbstone.emulator.air.network import NetworkServer
from kerbstone.emulator.air.observer import Observer
from kerbstone.emulator.air.pathloss import PathLoss
from kerbstone.emulator.air.plan import plan
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.lns import Lns
from kerbstone.emulator.runtime import Runtime
from kerbstone.emulator.world.site import Site
from kerbstone.listen.lorawan import Arrival, LoRaWanListener


class RadioCell:
    """Costs nothing until a LoRaWAN node is registered. Every node of a cell is in the same region.

    `lns`: another network server that speaks Semtech UDP, instead of the bench one.
    """

    def __init__(self, kernel: Kernel, seed: int, start_utc: int, lns: Lns | None = None):
        self.channel = Channel(kernel, PathLoss(seed), self._body_loss_db)
        self.listener = LoRaWanListener()
        self._kernel = kernel
        self._start_utc = start_utc
        self._sites: dict[str, Site] = {}
        self._region = ""
        self._lns = lns
        self._observer = Observer(self.listener.on_uplink) if lns else None
        self.server: NetworkServer | None = None  # once a LoRaWAN node is registered
        self.gateway: Gateway | None = None

    def _body_loss_db(self, sender: str, t_us: int) -> float:
        site = self._sites.get(sender)
        return site.extra_loss_db(t_us) if site else 0.0

    def register(self, runtime: Runtime) -> None:
        """Enrols the node with the network server, if LoRaWAN is its bearer."""
        uplink = runtime.node.bearer(LoRaWanTable)
        if uplink is None:
            return
        self._region = uplink.region
        identity = runtime.identity
        self._sites[runtime.node.name] = runtime.site
        if self._observer:
            self._observer.register(identity.dev_eui, identity.app_key, runtime.node.name)
            return
        if self.server is None:
            self.server = NetworkServer(self.listener.on_uplink, self._start_utc, plan(uplink.region))
        self.server.register(identity.dev_eui, identity.join_eui, identity.app_key, runtime.node.name, uplink.adr_margin_db)

    def start(self) -> None:
        """Network server and gateway begin to work; again when more nodes have come is harmless."""
        if self.gateway:
            return
        address = self._lns.address if self._lns else None
        if self.server:
            self.server.start()
            address = self.server.address
        if address and self._region:
            self.gateway = Gateway(
                self._kernel, self.channel, address, self._start_utc, plan=plan(self._region), observer=self._observer,
                linger_s=self._lns.wait_s if self._lns else 0.0,
            )  # fmt: skip
            self.gateway.start()

    def arrivals(self, name: str) -> list[Arrival]:
        """What the network server delivered for a node; with another's server, what the gateway forwarded to it."""
        return self.listener.arrivals(name)

    def close(self) -> None:
        if self.gateway:
            self.gateway.close()
        if self.server:
            self.server.close()
