"""MAC commands as bytes, both ways: the table behind what a network server says and understands.

Sources: TS001-1.0.4 chapters 5, 11 and 14; the commands of TS001-1.1 that network servers still meet. Fields of a layout begin with
the lowest bit of the first byte: "name:bits", "h" = a frequency in Hz sent in units of 100 Hz, "s" = two's complement, "x" = bytes
in their own order, "-" = reserved, zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_FREQUENCY_ACK = "frequency_ack:1"
_VERSION = "minor_version:4 -:4"
_CLASS = "class:8"

# CID -> (command down, its layout, command up, its layout)
COMMANDS: dict[int, tuple[str, str, str, str]] = {
    0x01: ("ResetConf", _VERSION, "ResetInd", _VERSION),
    0x02: ("LinkCheckAns", "margin:8 gw_cnt:8", "LinkCheckReq", ""),
    0x03: ("LinkADRReq", "tx_power:4 data_rate:4 ch_mask:16x nb_trans:4 ch_mask_cntl:3 -:1",
           "LinkADRAns", "channel_mask_ack:1 data_rate_ack:1 power_ack:1 -:5"),
    0x04: ("DutyCycleReq", "max_duty_cycle:4 -:4", "DutyCycleAns", ""),
    0x05: ("RXParamSetupReq", "rx2_data_rate:4 rx1_dr_offset:3 -:1 frequency_hz:24h",
           "RXParamSetupAns", "channel_ack:1 rx2_data_rate_ack:1 rx1_dr_offset_ack:1 -:5"),
    0x06: ("DevStatusReq", "", "DevStatusAns", "battery:8 margin:6s -:2"),
    0x07: ("NewChannelReq", "ch_index:8 frequency_hz:24h min_dr:4 max_dr:4",
           "NewChannelAns", "channel_frequency_ok:1 data_rate_range_ok:1 -:6"),
    0x08: ("RXTimingSetupReq", "delay:4 -:4", "RXTimingSetupAns", ""),
    0x09: ("TxParamSetupReq", "max_eirp:4 uplink_dwell_time:1 downlink_dwell_time:1 -:2", "TxParamSetupAns", ""),
    0x0A: ("DlChannelReq", "ch_index:8 frequency_hz:24h", "DlChannelAns", "frequency_ack:1 uplink_freq_exists:1 -:6"),
    0x0B: ("RekeyConf", _VERSION, "RekeyInd", _VERSION),
    0x0C: ("ADRParamSetupReq", "delay_exp:4 limit_exp:4", "ADRParamSetupAns", ""),
    0x0D: ("DeviceTimeAns", "gps_s:32 fraction:8", "DeviceTimeReq", ""),
    0x0E: ("ForceRejoinReq", "data_rate:4 rejoin_type:3 -:1 max_retries:3 period:3 -:2", "", ""),
    0x0F: ("RejoinParamSetupReq", "max_count_n:4 max_time_n:4", "RejoinParamSetupAns", "time_ok:1 -:7"),
    0x10: ("PingSlotInfoAns", "", "PingSlotInfoReq", "periodicity:3 -:5"),
    0x11: ("PingSlotChannelReq", "frequency_hz:24h data_rate:4 -:4", "PingSlotChannelAns", "channel_frequency_ok:1 data_rate_ok:1 -:6"),
    0x12: ("BeaconTimingAns", "delay:16 channel:8", "BeaconTimingReq", ""),
    0x13: ("BeaconFreqReq", "frequency_hz:24h", "BeaconFreqAns", "beacon_frequency_ok:1 -:7"),
    0x20: ("DeviceModeConf", _CLASS, "DeviceModeInd", _CLASS),
}  # fmt: skip


class CommandError(ValueError):
    """A MAC command is unknown, or a field does not fit."""


def _fields(layout: str) -> Iterator[tuple[str, int, str]]:
    """(name, bits, ending) of each field."""
    for field in layout.split():
        name, _, size = field.partition(":")
        digits = size.rstrip("hsx")
        yield name, int(digits), size[len(digits) :]


def layout_of(command: str, down: bool) -> tuple[int, str]:
    """(CID, layout) of a command by its name in TS001; capitals do not matter. Raises CommandError."""
    for cid, row in COMMANDS.items():
        name, layout = row[:2] if down else row[2:]
        if name and name.lower() == command.lower():
            return cid, layout
    raise CommandError(f"LoRaWAN has no {'downlink' if down else 'uplink'} command {command!r}: see ns_commands.py for the names.")


def encode(command: str, down: bool, fields: Mapping[str, Any]) -> bytes:
    """CID and fields. A field that is not given is 0. Raises CommandError."""
    cid, layout = layout_of(command, down)
    names = [name for name, _, _ in _fields(layout)]
    for name in fields:
        if name not in names:
            raise CommandError(f"{command} has no field {name!r}; it has {', '.join(n for n in names if n != '-') or 'none'}.")
    number = shift = 0
    for name, bits, ending in _fields(layout):
        value = fields.get(name, 0)
        if isinstance(value, bytes):
            value = int.from_bytes(value, "little")
        value = int(value) // 100 if ending == "h" else int(value)
        low = -(1 << bits - 1) if ending == "s" else 0
        if not low <= value < low + (1 << bits):
            raise CommandError(f"{command}: {name} = {value} does not fit into {bits} bits.")
        number |= (value % (1 << bits)) << shift
        shift += bits
    return bytes([cid]) + number.to_bytes(shift // 8, "little")


def decode(data: bytes, down: bool) -> list[tuple[str, dict[str, Any]]]:
    """The commands of a FOpts field or a payload of port 0; stops at the first that is unknown or cut short."""
    found = []
    at = 0
    while at < len(data) and data[at] in COMMANDS:
        row = COMMANDS[data[at]]
        name, layout = row[:2] if down else row[2:]
        size = sum(bits for _, bits, _ in _fields(layout)) // 8
        if not name or at + 1 + size > len(data):
            break
        number = int.from_bytes(data[at + 1 : at + 1 + size], "little")
        fields: dict[str, Any] = {}
        for field, bits, ending in _fields(layout):
            value = number % (1 << bits)
            number >>= bits
            if field == "-":
                continue
            if ending == "s" and value >> bits - 1:
                value -= 1 << bits
            fields[field] = value.to_bytes(bits // 8, "little") if ending == "x" else value * 100 if ending == "h" else value
        found.append((name, fields))
        at += 1 + size
    return found
