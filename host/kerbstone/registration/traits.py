"""What the entries for every network server say of a node."""

from __future__ import annotations

from dataclasses import dataclass

from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.build.regions import whole_table
from kerbstone.codec.generated import profile_files
from kerbstone.codec.model import Profile
from kerbstone.codec.profile import load_profile
from kerbstone.errors import NodeFileError

MAC_VERSION = "1.0.4"  # TS001-1.0.4
REGIONAL_PARAMETERS = "1.0.3"  # RP002-1.0.3, which the tables of protocols/lorawan follow
_REPORT_KEYS = ("report_s", "heartbeat_s")  # settings of applications that say how often they report


@dataclass(frozen=True)
class Traits:
    """`quiet_s`: how long the node may say nothing although it is well; 0: nobody knows. `decoder`: JavaScript of all it sends."""

    name: str
    title: str
    region: str  # as in protocols/lorawan
    class_c: bool
    port: int
    max_eirp_dbm: int
    quiet_s: int
    profile: Profile
    decoder: str
    cell: str  # row of boards/cells.toml; empty: not known


def traits(node: Node) -> Traits:
    """Raises NodeFileError for a node that does not speak LoRaWAN."""
    uplink = node.bearer(LoRaWanTable)
    if uplink is None:
        kind = node.spec.uplink.kind
        raise NodeFileError(f"{node.name} reports by {kind}, not by LoRaWAN: it needs no profile of a LoRaWAN network server.")
    profile = load_profile(node.profile)
    told = [int(node.spec.app[key]) for key in _REPORT_KEYS if key in node.spec.app]
    return Traits(
        name=node.name, title=node.spec.node.title or profile.title, region=uplink.region,
        class_c=uplink.device_class == "C", port=uplink.port, max_eirp_dbm=int(whole_table(uplink.region)["max_eirp_dbm"]),
        quiet_s=max(told or [part.period_s for part in node.spec.parts.values()]), profile=profile,
        decoder=profile_files(profile)[f"{profile.name}.js"], cell=node.spec.battery.cell if node.spec.battery else "",
    )  # fmt: skip
