"""What a LoRaWAN region allows, as far as the checks of a node need it."""

from __future__ import annotations

import tomllib

from kerbstone.paths import protocols_dir


def max_eirp_dbm(region: str) -> float:
    """Highest radiated power, dBm, of a region by its name ("EU868")."""
    path = protocols_dir() / "lorawan" / f"{region.lower()}.toml"
    return float(tomllib.loads(path.read_text(encoding="utf-8"))["max_eirp_dbm"])
