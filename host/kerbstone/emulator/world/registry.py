"""Which site stands around a node of which application."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from kerbstone.emulator.world.bay import Bay
from kerbstone.emulator.world.bin import Bin
from kerbstone.emulator.world.constant import Constant
from kerbstone.emulator.world.pole import Pole
from kerbstone.emulator.world.recorded import Recorded
from kerbstone.emulator.world.site import Site
from kerbstone.emulator.world.station import Station
from kerbstone.emulator.world.works import Works

SiteFactory = Callable[[int, random.Random, Mapping[str, Any]], Site]

SITES: dict[str, SiteFactory] = {"parking": Bay, "bins": Bin, "air": Station, "light": Pole, "terminal": Works}


def build_site(app: str, start_utc: int, rng: random.Random, options: Mapping[str, Any]) -> Site:
    """The site for an application; one we do not know gets constants from its node file. NodeFileError: a wrong option.

    With an option `trace` the site is a recording in front of that site (`kerbstone replay`).
    """
    inner = SITES.get(app, Constant)
    return Recorded(inner, start_utc, rng, options) if "trace" in options else inner(start_utc, rng, options)
