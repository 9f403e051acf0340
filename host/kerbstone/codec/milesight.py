"""Payloads of Milesight's distance sensors, the devices a bin is most often fitted with: (channel, type, little-endian value).

Sources: Milesight EM400-TLD user guide, payload chapter; SensorDecoders em310-udl and em400-tld, read 2026-08.
"""

from __future__ import annotations

from typing import Any

from kerbstone.errors import CodecError

_POSITION = ("normal", "tilt")
# (channel, type) -> (name, bytes, divisor, signed)
_ROWS: dict[tuple[int, int], tuple[str, int, int, bool]] = {
    (0x01, 0x75): ("battery_pct", 1, 1, False),
    (0x03, 0x67): ("t_c", 2, 10, True),
    (0x03, 0x82): ("distance_mm", 2, 1, False),
    (0x04, 0x82): ("distance_mm", 2, 1, False),
    (0x04, 0x00): ("position", 1, 1, False),
    (0x05, 0x00): ("position", 1, 1, False),
}
_ALARMED = {(0x83, 0x67): ("t_c", 2, 10, True), (0x84, 0x82): ("distance_mm", 2, 1, False)}  # the value and one byte, 1 = alarm


def decode(data: bytes) -> dict[str, Any]:
    """battery_pct, t_c, distance_mm, position ("normal" or "tilt"), t_alarm, distance_alarm, as far as they are there.

    Raises CodecError at a value it does not know: its length is unknown too.
    """
    out: dict[str, Any] = {}
    at = 0
    while at < len(data):
        key = (data[at], data[at + 1]) if at + 1 < len(data) else (data[at], -1)
        name, size, divisor, signed = _ROWS.get(key) or _ALARMED.get(key) or ("", 0, 1, False)
        if not name:
            raise CodecError(f"Byte {at} begins no value of a Milesight distance sensor.")
        alarm = key in _ALARMED
        body = data[at + 2 : at + 2 + size]
        if at + 2 + size + alarm > len(data):
            raise CodecError(f"The payload ends within {name}.")
        number = int.from_bytes(body, "little", signed=signed)
        if name == "position":
            out[name] = _POSITION[min(number, 1)]
        else:
            out[name] = number if divisor == 1 else number / divisor
        if alarm:
            out["t_alarm" if name == "t_c" else "distance_alarm"] = bool(data[at + 2 + size])
        at += 2 + size + alarm
    return out
