"""Water on particles: what an optical counter sees in humid air and a reference instrument, which dries its sample, does not.

Each formula wants the relative humidity the sensor itself feels, uncorrected. None of them is cut at zero: clean, humid air gives
slightly negative dust, and what to do with it is the caller's decision.
"""

_DENSITY = 1.65  # of dry urban aerosol, g/cm3 (Crilley et al. 2018)
_WETTEST = 0.95  # above it fog is counted as dust and no formula helps
_SMOKE_UG = 343  # where the two ranges of the fire and smoke map meet


def growth(kappa, rh_pct):
    """Ratio of measured to dry mass after kappa-Koehler theory, 1 or more; Crilley et al. 2018, Atmos. Meas. Tech. 11, 709, eq. 5.

    kappa: hygroscopicity of the local aerosol, 0 (soot) to 0.6 (sea salt); 0.38..0.41 in Crilley's city.
    """
    activity = min(rh_pct / 100, _WETTEST)
    if kappa <= 0 or activity <= 0:
        return 1.0
    return 1 + kappa / _DENSITY / (1 / activity - 1)


def epa_2021(cf1_ug, rh_pct):
    """PM2.5 (ug/m3) from that of a Plantower sensor, CF = 1, by the US-wide equation of Barkjohn et al. 2021 (AMT 14, 4617)."""
    return 0.524 * cf1_ug - 0.0862 * rh_pct + 5.75


def fasm_2021(cf1_ug, rh_pct):
    """The same for smoke as well: the two ranges of EPA's Fire and Smoke Map of 2021."""
    if cf1_ug <= _SMOKE_UG:
        return 0.52 * cf1_ug - 0.086 * rh_pct + 5.75
    return 0.46 * cf1_ug + 3.93e-4 * cf1_ug * cf1_ug + 2.97
