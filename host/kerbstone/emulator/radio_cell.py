"""The radio side of a cell: the air, one gateway, the bench network server, and the listener behind it."""

from __future__ import annotations

from kerbstone.build.node import LoRaWanTable
from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.gateway import Gateway
from kerbstone.emulator.air.network import NetworkServer
from kerbstone.emulator.air.pathloss import PathLoss
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.runtime import Runtime
from kerbstone.emulator.world.site import Site
from kerbstone.listen.lorawan import Arrival, LoRaWanListener


class RadioCell:
    """Costs nothing until a LoRaWAN node is registered."""

    def __init__(self, kernel: Kernel, seed: int, start_utc: int):
        self.channel = Channel(kernel, PathLoss(seed), self._body_loss_db)
        self.listener = LoRaWanListener()
        self._kernel = kernel
        self._start_utc = start_utc
        self._sites: dict[str, Site] = {}
        self.server: NetworkServer | None = None  # once a LoRaWAN node is registered
        self.gateway: Gateway | None = None

    def _body_loss_db(self, sender: str, t_us: int) -> float:
        site = self._sites.get(sender)
        return site.extra_loss_db(t_us) if site else 0.0

    def register(self, runtime: Runtime) -> None:
        """Enrols the node with the network server, if LoRaWAN is its bearer."""
        uplink = runtime.node.spec.uplink
        if not isinstance(uplink, LoRaWanTable):
            return
        if self.server is None:
            self.server = NetworkServer(self.listener.on_uplink, self._start_utc)
        identity = runtime.identity
        self.server.register(identity.dev_eui, identity.join_eui, identity.app_key, runtime.node.name, uplink.adr_margin_db)
        self._sites[runtime.node.name] = runtime.site

    def start(self) -> None:
        """Network server and gateway begin to work; again when more nodes have come is harmless."""
        if self.server and self.gateway is None:
            self.server.start()
            self.gateway = Gateway(self._kernel, self.channel, self.server.address, self._start_utc)
            self.gateway.start()

    def arrivals(self, name: str) -> list[Arrival]:
        """What the network server delivered for a node."""
        return self.listener.arrivals(name)

    def close(self) -> None:
        if self.gateway:
            self.gateway.close()
        if self.server:
            self.server.close()
