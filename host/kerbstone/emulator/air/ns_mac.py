"""MAC commands of LoRaWAN 1.0.4 between server and device (TS001-1.0.4 chapter 5)."""

from __future__ import annotations

from collections.abc import Iterator

from kerbstone.emulator.air.lora import SNR_LIMIT_DB
from kerbstone.emulator.air.plan import EU868, Plan

LINK_CHECK, LINK_ADR, DEV_STATUS, DEVICE_TIME = 0x02, 0x03, 0x06, 0x0D
# CID -> bytes that follow in an uplink.
_UP_BYTES = {0x02: 0, 0x03: 1, 0x04: 0, 0x05: 1, 0x06: 2, 0x07: 1, 0x08: 0, 0x09: 0, 0x0A: 1, 0x0D: 0}
ADR_ACCEPTED = 0x07
_GPS_EPOCH = 315_964_800  # 1980-01-06 in seconds since 1970
_LEAP_SECONDS = 18  # GPS ahead of UTC since 2017-01-01 (IERS Bulletin C)


def commands_up(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(CID, arguments) of an uplink's commands; stops at the first that is unknown or cut, as the specification asks."""
    at = 0
    while at < len(data):
        size = _UP_BYTES.get(data[at])
        if size is None or at + 1 + size > len(data):
            return
        yield data[at], data[at + 1 : at + 1 + size]
        at += 1 + size


def link_check_ans(snr_db: float, dr: int, gateways: int, plan: Plan = EU868) -> bytes:
    """Margin in dB above the demodulation floor of the uplink, and how many gateways heard it."""
    margin = round(snr_db - SNR_LIMIT_DB[plan.data_rates[dr].sf])
    return bytes([LINK_CHECK, max(0, min(254, margin)), gateways])


def device_time_ans(utc_us: int) -> bytes:
    """GPS time of the end of the uplink that asked: seconds, and 1/256 s rounded down."""
    seconds, us = divmod(utc_us, 1_000_000)
    gps = seconds - _GPS_EPOCH + _LEAP_SECONDS
    return bytes([DEVICE_TIME]) + (gps & 0xFFFFFFFF).to_bytes(4, "little") + bytes([us * 256 // 1_000_000])


def link_adr_req(dr: int, power: int, plan: Plan = EU868) -> bytes:
    """The first sixteen channels as the gateway hears them, the others left as they are, every frame sent once."""
    return bytes([LINK_ADR, dr << 4 | power]) + plan.mask.to_bytes(2, "little") + b"\1"


def status_margin_db(raw: int) -> int:
    """The six-bit two's complement of DevStatusAns."""
    raw &= 0x3F
    return raw - 64 if raw > 31 else raw
