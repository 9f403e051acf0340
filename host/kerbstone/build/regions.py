"""Regions: protocols/lorawan/*.toml is the one source; a node carries the table of its own region, the bench network reads the same.

`mask_control` says what ChMaskCntl 0..7 of a LinkADRReq does: n from 0 to 4: the mask is for channels 16 n to 16 n + 15; -1 reserved;
-2 every defined channel on; -3 bit n is for the eight channels from 8 n and the 500 kHz channel 64 + n; 16 + n: all 125 kHz channels
on, 32 + n: all off, and then the mask for bank n.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

from kerbstone.errors import NodeFileError
from kerbstone.paths import protocols_dir

_HOST_ONLY = ("network", "groups", "group_bands")


@cache
def _tables() -> dict[str, dict[str, Any]]:
    """Every region by name, the groups of a file among them."""
    found = {}
    for path in sorted((protocols_dir() / "lorawan").glob("*.toml")):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        found[table["name"]] = table
        for name, hz in table.get("groups", {}).items():
            found[name] = _moved(table, name, hz, *table["group_bands"][name])
    return found


def _moved(table: dict[str, Any], name: str, hz: int, low: int, high: int) -> dict[str, Any]:
    """The same plan with every channel moved by `hz`, in the band from `low` to `high`."""
    network = dict(table["network"])
    network["hears"] = [[row[0] + hz, *row[1:]] for row in network["hears"]]
    network["cflist_hz"] = [f + hz for f in network["cflist_hz"]]
    channels = [[row[0] + hz, *row[1:]] for row in table["channels"]]
    bands = [[low, high, *row[2:]] for row in table["bands"]]
    rx2 = [table["rx2"][0] + hz, table["rx2"][1]]
    return {**table, "name": name, "frequency_hz": [low, high], "channels": channels, "rx2": rx2, "bands": bands, "network": network}


def names() -> list[str]:
    """Every region there is, such as "EU868"."""
    return sorted(_tables())


def whole_table(region: str) -> dict[str, Any]:
    """What the file says, the part for the network side included. Raises NodeFileError for a region there is not."""
    if region not in _tables():
        raise NodeFileError(f"There is no LoRaWAN region {region!r}: take one of {', '.join(names())}.")
    return _tables()[region]


def region_table(region: str) -> dict[str, Any]:
    """What node.json carries: integers, text and lists."""
    return {key: value for key, value in whole_table(region).items() if key not in _HOST_ONLY}


def max_eirp_dbm(region: str) -> float:
    """Highest radiated power, dBm, of a region by its name ("EU868")."""
    return float(whole_table(region)["max_eirp_dbm"])
