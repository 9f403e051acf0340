"""Speed of sound in outside air.

0..30 degC: O. Cramer, "The variation of the specific heat ratio and the speed of sound in air ...", J. Acoust. Soc. Am. 93
(1993) 2510, with its vapour pressure after Davis (1992). Outside that range Cramer's fit is not valid: ISO 9613-1 eq. A.5, dry.
"""

from math import exp, sqrt

_ZERO_C = 273.15
_CO2_PPM = 425  # 2024 (NOAA global mean)
_STANDARD_PA = 101325
_USUAL_RH = 50

# Cramer's table III: groups of coefficients of t^0, t^1, t^2
_DRY = (331.5024, 0.603055, -0.000528)
_WATER = (51.471935, 0.1495874, -0.000782)  # times the mole fraction of water
_PRESSURE = (-1.82e-7, 3.73e-8, -2.93e-10)  # times Pa
_CARBON = (-85.20931, -0.228525, 5.91e-5)  # times the mole fraction of CO2
_WATER2, _PRESSURE2, _CARBON2, _MIXED = -2.835149, -2.15e-13, 29.179762, 0.000486


def _poly(row, t):
    return row[0] + t * (row[1] + t * row[2])


def speed(temp_c, rh_pct=_USUAL_RH, pressure_pa=_STANDARD_PA, co2_ppm=_CO2_PPM):
    """m/s at a temperature in degC, a relative humidity in %, a pressure in Pa and a mole fraction of CO2 in ppm."""
    kelvin = temp_c + _ZERO_C
    if not 0 <= temp_c <= 30:
        return 343.2 * sqrt(kelvin / 293.15)
    enhancement = 1.00062 + 3.14e-8 * pressure_pa + 5.6e-7 * temp_c * temp_c
    vapour_pa = exp(1.2811805e-5 * kelvin * kelvin - 1.9509874e-2 * kelvin + 34.04926034 - 6353.6311 / kelvin)
    carbon = co2_ppm / 1000000
    water = rh_pct / 100 * enhancement * vapour_pa / pressure_pa
    return (
        _poly(_DRY, temp_c)
        + _poly(_WATER, temp_c) * water
        + _poly(_PRESSURE, temp_c) * pressure_pa
        + _poly(_CARBON, temp_c) * carbon
        + _WATER2 * water * water
        + _PRESSURE2 * pressure_pa * pressure_pa
        + _CARBON2 * carbon * carbon
        + _MIXED * water * pressure_pa * carbon
    )


def echo_mm(echo_us, temp_c, rh_pct=_USUAL_RH):
    """Distance of what sent back an echo after `echo_us` microseconds."""
    return speed(temp_c, rh_pct) * echo_us / 2000
