"""D4i memory banks: where a value lies and what its bytes mean.

Sources: bank 1 DiiA part 251 v1.1, banks 202..204 part 252 v1.1, banks 205..207 part 253 v1.1, as python-dali 0.16 records them
(read 2026-08). All ones mean "not implemented" (MASK), one less "not known now" (TMASK); both give None.
"""

# Name -> (bank, first location, bytes, kind[, most[, least]]). Kinds: "n" number, "b" yes or no, "t" degrees C above -60, "s" text,
# "x" a signed power of ten before the number, "/10" the number divided, "*100" multiplied.
VALUES: dict = {
    "ManufacturerGTIN": (1, 0x03, 6, "n"), "LuminaireID": (1, 0x09, 8, "n"), "ContentFormatID": (1, 0x11, 2, "n"),
    "YearOfManufacture": (1, 0x13, 1, "n", 99), "WeekOfManufacture": (1, 0x14, 1, "n", 53, 1), "InputPowerNominal": (1, 0x15, 2, "n"),
    "InputPowerMinimumDim": (1, 0x17, 2, "n"), "MainsVoltageMinimum": (1, 0x19, 2, "n", 480, 90),
    "MainsVoltageMaximum": (1, 0x1B, 2, "n", 480, 90),
    "LightOutputNominal": (1, 0x1D, 3, "n"), "CRI": (1, 0x20, 1, "n", 100), "CCT": (1, 0x21, 2, "n", 17000),
    "LightDistributionType": (1, 0x23, 1, "n"), "LuminaireColor": (1, 0x24, 24, "s"), "LuminaireIdentification": (1, 0x3C, 60, "s"),
    "ActiveBankVersion": (202, 0x03, 1, "n"), "ActiveEnergy": (202, 0x04, 7, "x"), "ActivePower": (202, 0x0B, 5, "x"),
    "ApparentBankVersion": (203, 0x03, 1, "n"), "ApparentEnergy": (203, 0x04, 7, "x"), "ApparentPower": (203, 0x0B, 5, "x"),
    "LoadsideBankVersion": (204, 0x03, 1, "n"), "ActiveEnergyLoadside": (204, 0x04, 7, "x"), "ActivePowerLoadside": (204, 0x0B, 5, "x"),
    "ControlGearDiagnosticBankVersion": (205, 0x03, 1, "n"), "ControlGearOperatingTime": (205, 0x04, 4, "n"),
    "ControlGearStartCounter": (205, 0x08, 3, "n"), "ControlGearExternalSupplyVoltage": (205, 0x0B, 2, "/10"),
    "ControlGearExternalSupplyVoltageFrequency": (205, 0x0D, 1, "n"), "ControlGearPowerFactor": (205, 0x0E, 1, "/100", 100),
    "ControlGearOverallFailureCondition": (205, 0x0F, 1, "b"), "ControlGearOverallFailureConditionCounter": (205, 0x10, 1, "n"),
    "ControlGearExternalSupplyUndervoltage": (205, 0x11, 1, "b"), "ControlGearExternalSupplyUndervoltageCounter": (205, 0x12, 1, "n"),
    "ControlGearExternalSupplyOvervoltage": (205, 0x13, 1, "b"), "ControlGearExternalSupplyOvervoltageCounter": (205, 0x14, 1, "n"),
    "ControlGearOutputPowerLimitation": (205, 0x15, 1, "b"), "ControlGearOutputPowerLimitationCounter": (205, 0x16, 1, "n"),
    "ControlGearThermalDerating": (205, 0x17, 1, "b"), "ControlGearThermalDeratingCounter": (205, 0x18, 1, "n"),
    "ControlGearThermalShutdown": (205, 0x19, 1, "b"), "ControlGearThermalShutdownCounter": (205, 0x1A, 1, "n"),
    "ControlGearTemperature": (205, 0x1B, 1, "t"), "ControlGearOutputCurrentPercent": (205, 0x1C, 1, "n", 100),
    "LightSourceDiagnosticBankVersion": (206, 0x03, 1, "n"), "LightSourceStartCounterResettable": (206, 0x04, 3, "n"),
    "LightSourceStartCounter": (206, 0x07, 3, "n"), "LightSourceOnTimeResettable": (206, 0x0A, 4, "n"),
    "LightSourceOnTime": (206, 0x0E, 4, "n"), "LightSourceVoltage": (206, 0x12, 2, "/10"), "LightSourceCurrent": (206, 0x14, 2, "/1000"),
    "LightSourceOverallFailureCondition": (206, 0x16, 1, "b"), "LightSourceOverallFailureConditionCounter": (206, 0x17, 1, "n"),
    "LightSourceShortCircuit": (206, 0x18, 1, "b"), "LightSourceShortCircuitCounter": (206, 0x19, 1, "n"),
    "LightSourceOpenCircuit": (206, 0x1A, 1, "b"), "LightSourceOpenCircuitCounter": (206, 0x1B, 1, "n"),
    "LightSourceThermalDerating": (206, 0x1C, 1, "b"), "LightSourceThermalDeratingCounter": (206, 0x1D, 1, "n"),
    "LightSourceThermalShutdown": (206, 0x1E, 1, "b"), "LightSourceThermalShutdownCounter": (206, 0x1F, 1, "n"),
    "LightSourceTemperature": (206, 0x20, 1, "t"),
    "LuminaireMaintenanceBankVersion": (207, 0x03, 1, "n"), "RatedMedianUsefulLifeOfLuminaire": (207, 0x04, 1, "*1000"),
    "InternalControlGearReferenceTemperature": (207, 0x05, 1, "t"), "RatedMedianUsefulLightSourceStarts": (207, 0x06, 2, "*100"),
}  # fmt: skip
_FLAGLESS = ("ManufacturerGTIN", "LuminaireID", "ContentFormatID")  # all ones is a value like any other


def value(name, raw):
    """What the bytes of a value say: a number, a bool, a text, or None where the gear does not know. Raises KeyError."""
    row = VALUES[name]
    kind = row[3]
    if kind == "s":
        return bytes(raw).split(b"\0")[0].decode()
    number = 0
    for byte in raw[1:] if kind == "x" else raw:
        number = number << 8 | byte
    ones = (1 << 8 * (len(raw) - (kind == "x"))) - 1
    if name not in _FLAGLESS and not name.endswith("Version") and number >= ones - 1 and (row[0] != 1 or number == ones):
        return None
    if len(row) > 4 and not (row[5] if len(row) > 5 else 0) <= number <= row[4]:
        return None
    if kind == "b":
        return bool(number) if number < 2 else None
    if kind == "t":
        return number - 60
    if kind == "x":
        return _scaled(number, raw[0] - 256 if raw[0] > 127 else raw[0])
    if kind[0] == "/":
        return number / int(kind[1:])
    return number * int(kind[1:]) if kind[0] == "*" else number


def _scaled(number, power):
    if not -6 <= power <= 6:
        return None
    return number * 10**power if power >= 0 else number / 10**-power
