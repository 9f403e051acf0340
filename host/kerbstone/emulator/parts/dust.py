"""What optical particle counters share: noise while the air stream builds up, water on the particles, their own gain."""

from __future__ import annotations

from kerbstone.emulator.parts.base import Part

_DENSITY = 1.65  # of dry urban aerosol, g/cm3 (Crilley et al. 2018)
_WETTEST = 0.95


class Optics:
    """The photodiode of one unit. Option of its part: `kappa` (0) = hygroscopicity of the aerosol, which reads too high when humid."""

    def __init__(self, part: Part, start_up_s: float, noise: float, unit_gain: float):
        self._part = part
        self._start_up_s = start_up_s
        self._noise = noise
        self._kappa = float(part.ctx.options.get("kappa", 0.0))
        self._gain = 1.0 + part.rng.gauss(0.0, unit_gain)

    def mass(self, quantities: tuple[str, ...], running_s: float) -> list[float]:
        """ug/m3 as the unit sees them after so many seconds of air stream."""
        part = self._part
        unsettled = max(0.0, 1.0 - running_s / self._start_up_s)
        common = self._gain * (1.0 - 0.6 * unsettled) * (1.0 + part.rng.gauss(0.0, self._noise + 0.4 * unsettled))
        return [max(0.0, part.read(name) * common * self._growth()) for name in quantities]

    def _growth(self) -> float:
        if not self._kappa:
            return 1.0
        activity = min(self._part.read("rh_pct") / 100, _WETTEST)
        return 1 + self._kappa / _DENSITY / (1 / activity - 1) if activity > 0 else 1.0
