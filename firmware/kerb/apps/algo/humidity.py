"""Water on particles: what an optical counter sees in humid air and a reference instrument, which dries its sample, does not."""

_DENSITY = 1.65  # of dry urban aerosol, g/cm3 (Crilley et al. 2018)
_WETTEST = 0.95  # above it fog is counted as dust and no formula helps


def growth(kappa, rh_pct):
    """Ratio of measured to dry mass after kappa-Koehler theory, 1 or more; Crilley et al. 2018, Atmos. Meas. Tech. 11, 709, eq. 5.

    kappa: hygroscopicity of the local aerosol, 0 (soot) to 0.6 (sea salt); 0.38..0.41 in Crilley's city.
    """
    activity = min(rh_pct / 100, _WETTEST)
    if kappa <= 0 or activity <= 0:
        return 1.0
    return 1 + kappa / _DENSITY / (1 / activity - 1)
