"""Cayenne LPP, the payload many devices speak: (channel, type, big-endian value), one after another.

Types and resolutions: myDevices Cayenne LPP 1.0, whose numbers are IPSO's minus 3200; those after 115 as ChirpStack extends it.
"""

from __future__ import annotations

from typing import Any

from kerbstone.errors import CodecError

# name -> (type, bytes, steps per unit, signed)
TYPES: dict[str, tuple[int, int, int, bool]] = {
    "digital_input": (0, 1, 1, False),
    "digital_output": (1, 1, 1, False),
    "analog_input": (2, 2, 100, True),
    "analog_output": (3, 2, 100, True),
    "generic": (100, 4, 1, False),
    "luminosity": (101, 2, 1, False),
    "presence": (102, 1, 1, False),
    "temperature": (103, 2, 10, True),
    "humidity": (104, 1, 2, False),
    "pressure": (115, 2, 10, False),
    "voltage": (116, 2, 100, False),
    "current": (117, 2, 1000, False),
    "frequency": (118, 4, 1, False),
    "percentage": (120, 1, 1, False),
    "altitude": (121, 2, 1, True),
    "concentration": (125, 2, 1, False),
    "power": (128, 2, 1, False),
    "distance": (130, 4, 1000, False),
    "energy": (131, 4, 1000, False),
    "unix_time": (133, 4, 1, False),
    "direction": (132, 2, 1, False),
    "switch": (142, 1, 1, False),
}
_VECTORS = {"accelerometer": (113, (1000, 1000, 1000), 2), "gyrometer": (134, (100, 100, 100), 2), "gps": (136, (10000, 10000, 100), 3)}
_OTHER_NAMES = {"barometer": "pressure", "barometric_pressure": "pressure", "illuminance": "luminosity", "relative_humidity": "humidity"}


def encode(fields: list[tuple[int, str, Any]]) -> bytes:
    """The payload of (channel, name, value) triples; a vector's value is a list. Raises CodecError."""
    out = bytearray()
    for channel, given, value in fields:
        name = _OTHER_NAMES.get(given, given)
        if name in _VECTORS:
            code, scales, size = _VECTORS[name]
            out += bytes([channel, code])
            for part, scale in zip(value, scales, strict=True):
                out += _integer(name, part, scale, size, True)
        elif name in TYPES:
            code, size, scale, signed = TYPES[name]
            out += bytes([channel, code]) + _integer(name, value, scale, size, signed)
        else:
            raise CodecError(f"Cayenne LPP has no type {given!r}; it has {', '.join(sorted([*TYPES, *_VECTORS]))}.")
    return bytes(out)


def decode(data: bytes) -> list[tuple[int, str, Any]]:
    """The triples of a payload. Raises CodecError."""
    names = {row[0]: name for name, row in TYPES.items()} | {row[0]: name for name, row in _VECTORS.items()}
    out: list[tuple[int, str, Any]] = []
    at = 0
    while at < len(data):
        name = names.get(data[at + 1]) if at + 1 < len(data) else None
        if name is None:
            raise CodecError(f"Byte {at} begins no Cayenne LPP value.")
        vector = _VECTORS.get(name)
        size = vector[2] * 3 if vector else TYPES[name][1]
        body = data[at + 2 : at + 2 + size]
        if len(body) < size:
            raise CodecError(f"The payload ends within a Cayenne LPP {name}.")
        if vector:
            width = vector[2]
            parts = [int.from_bytes(body[i * width : (i + 1) * width], "big", signed=True) / vector[1][i] for i in range(3)]
            out.append((data[at], name, parts))
        else:
            _, _, scale, signed = TYPES[name]
            number = int.from_bytes(body, "big", signed=signed)
            out.append((data[at], name, number if scale == 1 else number / scale))
        at += 2 + size
    return out


def _integer(name: str, value: float, scale: int, size: int, signed: bool) -> bytes:
    try:
        return round(value * scale).to_bytes(size, "big", signed=signed)
    except (OverflowError, TypeError, ValueError) as error:
        raise CodecError(f"{value!r} does not fit into a Cayenne LPP {name}.") from error
