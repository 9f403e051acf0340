"""Field buses: each kind of case computed by the firmware's own code."""

from kerb.modbus import crc16


def crc16_modbus(inputs):
    data = bytes(int(inputs["bytes"][i : i + 2], 16) for i in range(0, len(inputs["bytes"]), 2))
    return f"{crc16(data, len(data)):04X}"


KINDS = {"crc16_modbus": crc16_modbus}
