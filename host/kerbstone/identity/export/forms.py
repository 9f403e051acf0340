"""The forms that are files, by the name the command knows them under."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kerbstone.build.node import LoRaWanTable, MqttTable, load_node
from kerbstone.errors import IdentityError
from kerbstone.identity.export import documents, tables
from kerbstone.identity.export.source import Enrolled


@dataclass(frozen=True)
class Wish:
    """What the forms ask of the node that the devices run."""

    devices: list[Enrolled]
    node: str

    def region(self) -> str:
        """Raises IdentityError when the node has no LoRaWAN."""
        uplink = load_node(self.node).bearer(LoRaWanTable)
        if uplink is None:
            raise IdentityError(f"Node {self.node} does not use LoRaWAN: this form is for devices that do.")
        return uplink.region

    def prefix(self) -> str:
        """Raises IdentityError when the node has no MQTT."""
        uplink = load_node(self.node).bearer(MqttTable)
        if uplink is None:
            raise IdentityError(f"Node {self.node} does not use MQTT: this form is for devices that do.")
        return uplink.prefix


FORMS: dict[str, Callable[[Wish], bytes]] = {
    "csv": lambda w: tables.own(w.devices),
    "tts-csv": lambda w: tables.things_stack(w.devices, w.region(), False),
    "tts-json": lambda w: documents.things_stack(w.devices, w.region(), False),
    "mosquitto-passwords": lambda w: documents.mosquitto_passwords(w.devices),
    "mosquitto-psk": lambda w: documents.mosquitto_psk(w.devices),
    "mosquitto-acl": lambda w: documents.mosquitto_acl(w.devices, w.prefix()),
    "aws": lambda w: documents.aws(w.devices),
    "azure": lambda w: tables.azure(w.devices),
}
