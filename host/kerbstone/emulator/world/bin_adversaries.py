"""What makes a bin hard to read, each by its own physics. A bin names them in its option `adversaries`."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from kerbstone.emulator.world.bin_rubbish import Fill
from kerbstone.emulator.world.noise import uniform_at
from kerbstone.errors import NodeFileError

NAMES = {
    "false_echo": "one ping in five hears something that is nearer than the rubbish",
    "bounce": "one ping in twenty comes back on its second way up and down",
    "rim": "a rim or hinge at a fixed place answers one ping in three",
    "foam": "one deposit in six swallows nearly every echo",
    "lid": "the lid, with the sensor in it, is left open for a while after one deposit in twenty",
    "knocked": "now and then the bin lies on its side until somebody throws something in",
    "piled": "rubbish piles up under the sensor, by 80 mm above its mean level at most",
    "extremes": "the housing swings between -20 and 50 C every day",
    "fire": "the rubbish burns once in a month",
}
_FALSE = 0.2
_BOUNCE = 0.05
_RIM = 0.33
_RIM_MM = 330.0  # from the sensor
_NEAREST_MM = 30.0
_FOAM = 1 / 6
_FOAM_LOST = 0.95
_LID = 0.05
_LID_S = (120.0, 1800.0)
_KNOCKED = 0.01
_KNOCKED_AFTER_S = 600.0
_ON_SIDE_DEG = 90.0
_PILE_MM = 80.0
_FIRE = 1 / 1200  # of the deposits, 40 a day
_FIRE_AFTER_S = 300.0  # it smoulders first
_FIRE_K_PER_MIN = 20.0
_FIRE_TOP_K = 300.0
_FIRE_S = 2400.0
_SECOND_US = 1_000_000


def chosen(names: Any) -> frozenset[str]:
    """The adversaries of an option; NodeFileError names one there is not."""
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name != "all" and name not in NAMES:
            raise NodeFileError(f"The bins site has no adversary '{name}'; it has {', '.join(NAMES)} and all.")
    return frozenset(NAMES if "all" in wanted else wanted)


class Adversaries:
    """The chosen ones of one bin; every answer is a pure function of the seed and its arguments."""

    def __init__(self, names: Collection[str], seed: int):
        self._names = names
        self._seeds = {name: seed ^ sum(ord(c) << 5 * i for i, c in enumerate(name[:8])) for name in names}

    def _draw(self, name: str, index: int) -> float:
        """0..1, another for each adversary and index; 1 for one that was not chosen."""
        seed = self._seeds.get(name)
        return 1.0 if seed is None else uniform_at(seed, index)

    # -- echoes -----------------------------------------------------------------------------------------------

    def lost(self, fill: Fill, usual: float) -> float:
        """Share of pings that nobody hears again."""
        return _FOAM_LOST if self._draw("foam", fill.t_us) < _FOAM else usual

    def heard_mm(self, true_mm: float, ping: int) -> float:
        """What a ping finds that would have come back from true_mm."""
        false = self._draw("false_echo", ping) / _FALSE
        if false < 1:
            return _NEAREST_MM + (max(true_mm, _NEAREST_MM) - _NEAREST_MM) * false
        if true_mm > _RIM_MM and self._draw("rim", ping) < _RIM:
            return _RIM_MM
        return 2 * true_mm if self._draw("bounce", ping) < _BOUNCE else true_mm

    def pile_mm(self, fill: Fill) -> float:
        """How far the pile stands above the mean level."""
        share = self._draw("piled", fill.t_us)
        return _PILE_MM * share if "piled" in self._names else 0.0

    # -- position ---------------------------------------------------------------------------------------------

    def leaning(self, fill: Fill) -> tuple[int, int] | None:
        """(from, until) in us, when the sensor lies on its side after this deposit: an open lid or a fallen bin."""
        lid = self._draw("lid", fill.t_us) / _LID
        if lid < 1:
            return (fill.t_us, fill.t_us + round((_LID_S[0] + (_LID_S[1] - _LID_S[0]) * lid) * _SECOND_US))
        if self._draw("knocked", fill.t_us) < _KNOCKED:
            return (fill.t_us + round(_KNOCKED_AFTER_S * _SECOND_US), 1 << 62)
        return None

    def lean_deg(self, fill: Fill, t_us: int) -> float:
        """Tilt by an open lid or a fall."""
        span = self.leaning(fill)
        return _ON_SIDE_DEG if span and span[0] <= t_us < span[1] else 0.0

    # -- heat -------------------------------------------------------------------------------------------------

    @property
    def burn(self) -> bool:
        """There are fires."""
        return "fire" in self._names

    def burns_us(self, fill: Fill) -> int | None:
        """When this deposit begins to burn."""
        return fill.t_us + round(_FIRE_AFTER_S * _SECOND_US) if self._draw("fire", fill.t_us) < _FIRE else None

    def temp_c(self, usual_c: float, hour: float, fire_us: int | None, t_us: int) -> float:
        """Under the lid."""
        if "extremes" in self._names:
            usual_c = 15.0 - 35.0 * math.cos(2 * math.pi * (hour - 3.0) / 24)
        if fire_us is not None and fire_us <= t_us < fire_us + _FIRE_S * _SECOND_US:
            usual_c += min(_FIRE_TOP_K, _FIRE_K_PER_MIN * (t_us - fire_us) / 60e6)
        return usual_c
