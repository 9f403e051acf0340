"""Identities for emulated devices: derived from seed and name, so a run repeats; worthless anywhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


def derive(seed: int, *words: str) -> bytes:
    """32 bytes that depend on the seed and the words alone."""
    return hashlib.sha256("\0".join((str(seed), *words)).encode()).digest()


@dataclass(frozen=True)
class EmulatedIdentity:
    """What provisioning would have written. Secrets stay out of its repr."""

    device_id: str
    dev_eui: str
    join_eui: str
    unique_id: str
    mac: str
    app_key: str = field(repr=False)
    gen_app_key: str = field(repr=False)  # of multicast groups and signed blocks
    device_key: str = field(repr=False)  # of commands
    wifi_ssid: str = "kerbstone"
    wifi_password: str = field(default="", repr=False)

    def values(self) -> dict[str, str]:
        """The content of the record on the board; as JSON, of /identity.json."""
        return {
            "device_id": self.device_id, "dev_eui": self.dev_eui, "join_eui": self.join_eui, "app_key": self.app_key,
            "gen_app_key": self.gen_app_key, "device_key": self.device_key,
            "wifi_ssid": self.wifi_ssid, "wifi_password": self.wifi_password,
        }


def mint(seed: int, name: str) -> EmulatedIdentity:
    """The identity of the node `name` in runs with this seed."""
    raw = derive(seed, name, "identity")
    return EmulatedIdentity(
        device_id=f"{name}-{raw[:3].hex()}",
        # Locally administered EUI-64: nobody owns it.
        dev_eui=(bytes([0x02]) + raw[3:10]).hex(),
        join_eui="02000000000000ee",
        unique_id=raw[10:16].hex(),
        mac=(bytes([0x02]) + raw[16:21]).hex(),
        app_key=derive(seed, name, "app_key")[:16].hex(),
        gen_app_key=derive(seed, name, "gen_app_key")[:16].hex(),
        device_key=derive(seed, name, "device_key").hex(),
        wifi_password=derive(seed, "wifi")[:8].hex(),
    )
