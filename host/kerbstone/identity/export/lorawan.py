"""What network servers call our regions and versions."""

from __future__ import annotations

from dataclasses import dataclass

from kerbstone.errors import IdentityError


@dataclass(frozen=True)
class Plan:
    """Identifiers of The Things Stack (lorawan-frequency-plans and its API enums, read 2026-11) for a region of ours."""

    frequency_plan: str
    mac: str = "MAC_V1_0_4"
    phy: str = "RP002_V1_0_3"  # which the tables of protocols/lorawan follow


_PLANS = {
    "EU868": Plan("EU_863_870_TTN"), "US915": Plan("US_902_928_FSB_2"), "AU915": Plan("AU_915_928_FSB_2"),
    "AS923-1": Plan("AS_923"), "AS923-2": Plan("AS_923_2"), "AS923-3": Plan("AS_923_3"), "AS923-4": Plan("AS_923_4"),
    "IN865": Plan("IN_865_867"), "KR920": Plan("KR_920_923_TTN"),
}


def plan_of(region: str) -> Plan:
    """The plan of a region as node files write it. Raises IdentityError."""
    if region not in _PLANS:
        raise IdentityError(f"No frequency plan is known for region {region!r}: one of {', '.join(_PLANS)}.")
    return _PLANS[region]
