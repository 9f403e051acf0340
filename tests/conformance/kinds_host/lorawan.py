"""What a gateway and a network server say: kerbstone.emulator.air and kerbstone.emulator.net."""

import json
from typing import Any

from kerbstone.emulator.air import gwmp, ns_commands
from kerbstone.emulator.net import station

_KINDS = ("PUSH_DATA", "PUSH_ACK", "PULL_DATA", "PULL_RESP", "PULL_ACK", "TX_ACK")

# How tables of cases may call a field.
_FIELDS = {
    "gateway_count": "gw_cnt", "data_rate_index": "data_rate", "dr": "data_rate", "tx_power_index": "tx_power",
    "channel_mask": "ch_mask", "channel_mask_control": "ch_mask_cntl", "rx1_data_rate_offset": "rx1_dr_offset",
    "rx2_data_rate_index": "rx2_data_rate", "rx2_dr": "rx2_data_rate", "rx2_frequency": "frequency_hz", "rx2_frequency_hz": "frequency_hz",
    "frequency": "frequency_hz", "freq_hz": "frequency_hz", "channel_index": "ch_index", "min_data_rate_index": "min_dr",
    "max_data_rate_index": "max_dr", "min_data_rate": "min_dr", "max_data_rate": "max_dr", "max_eirp_index": "max_eirp",
    "adr_ack_delay_exponent": "delay_exp", "adr_ack_limit_exponent": "limit_exp", "limit_exponent": "limit_exp",
    "delay_exponent": "delay_exp", "period_exponent": "period", "max_time_exponent": "max_time_n", "max_count_exponent": "max_count_n",
    "max_time_exponent_ack": "time_ok", "gps_seconds": "gps_s", "seconds": "gps_s", "fractional": "fraction", "fraction_256": "fraction",
    "fractions": "fraction", "ch_mask_ack": "channel_mask_ack", "data_rate_index_ack": "data_rate_ack", "dr_ack": "data_rate_ack",
    "tx_power_index_ack": "power_ack", "tx_power_ack": "power_ack", "rx2_frequency_ack": "channel_ack", "rx2_dr_ack": "rx2_data_rate_ack",
    "rx2_data_rate_index_ack": "rx2_data_rate_ack", "rx1_data_rate_offset_ack": "rx1_dr_offset_ack", "delay_s": "delay",
    "channel_index_ack": "uplink_freq_exists", "uplink_dwell": "uplink_dwell_time", "downlink_dwell": "downlink_dwell_time",
}  # fmt: skip
_BY_COMMAND = {
    "RXParamSetupAns": {"frequency_ack": "channel_ack"},
    "NewChannelAns": {"frequency_ack": "channel_frequency_ok", "data_rate_ack": "data_rate_range_ok"},
    "PingSlotChannelAns": {"frequency_ack": "channel_frequency_ok", "data_rate_ack": "data_rate_ok", "data_rate_index_ack": "data_rate_ok"},
    "BeaconFreqAns": {"frequency_ack": "beacon_frequency_ok"},
    "BeaconTimingAns": {"ch_index": "channel", "channel_index": "channel"},
    "PingSlotInfoReq": {"period": "periodicity"},
    "DutyCycleReq": {"max_dcycle": "max_duty_cycle", "max_d_cycle": "max_duty_cycle"},
}
_CLASSES = {"A": 0, "CLASS_A": 0, "B": 1, "CLASS_B": 1, "C": 2, "CLASS_C": 2}


def _mac_command(i: dict[str, Any]) -> dict[str, Any]:
    """The bytes, and that they are read back as what went in."""
    down = i["direction"] == "down"
    cid, layout = ns_commands.layout_of(i["command"], down)
    name = ns_commands.COMMANDS[cid][0 if down else 2]
    own = [field.split(":")[0] for field in layout.split()]
    fields = {}
    for given, value in i["fields"].items():
        key = given if given in own else _BY_COMMAND.get(name, {}).get(given, _FIELDS.get(given, given))
        if isinstance(value, str):
            value = _CLASSES[value.upper()] if key == "class" else bytes.fromhex(value)
        fields[key] = value
    data = ns_commands.encode(name, down, fields)
    ((read, values),) = ns_commands.decode(data, down)
    return {"bytes": data.hex()} if ns_commands.encode(read, down, values) == data else {}


def _gwmp_parse(i: dict[str, Any]) -> dict[str, Any]:
    datagram = gwmp.parse(bytes.fromhex(i["datagram"]))
    out = {"kind": _KINDS[datagram.kind], "token_bytes": datagram.token.hex(), "gateway": datagram.eui.hex(), "error": datagram.error}
    return out | datagram.body


def _pull_resp(i: dict[str, Any]) -> dict[str, Any]:
    tx = i["tx"]
    tmst = tx["context_tmst"] + round(tx["delay_s"] * 1_000_000) if "delay_s" in tx else None
    gps_ms = next((round(value * 1000) for name, value in tx.items() if "gps" in name and name.endswith("_s")), None)
    phy, board, antenna = bytes.fromhex(tx["phy"]), tx.get("board", 0), tx.get("antenna")
    if "sf" in tx:
        packet = gwmp.txpk(
            tmst, tx["freq_hz"], tx["power"], tx["sf"], tx["bw_hz"], phy, board, antenna, tx["cr"], tx["ipol"], gps_ms
        )
    else:
        rate = next(tx[name] for name in ("bit_rate", "bitrate", "datarate", "datr") if name in tx)
        deviation = next(tx[name] for name in ("fdev_hz", "fdev", "deviation_hz", "frequency_deviation") if name in tx)
        packet = gwmp.txpk_fsk(tmst, tx["freq_hz"], tx["power"], rate, deviation, phy, board, antenna, gps_ms)
    return {"txpk": packet}


def _json_fields(i: dict[str, Any]) -> dict[str, str]:
    return {"json_fields": json.dumps(station.parse_frame(bytes.fromhex(i["phy_payload"])), separators=(",", ":"))[1:-1]}


def _reject(i: dict[str, Any]) -> dict[str, bool]:
    accepted = False
    for phy in i["phy_payloads"]:
        try:
            station.parse_frame(bytes.fromhex(phy))
            accepted = True
        except station.StationError:
            continue
    return {"accepted": accepted}


def _downlink(i: dict[str, Any]) -> dict[str, Any]:
    rx1, rx2 = ((w["dr"], w["freq"]) if (w := i.get(name)) else None for name in ("rx1", "rx2"))
    pdu, eui = bytes.fromhex(i["pdu"]), i.get("dev_eui", station.ANY_EUI)
    ping = (i["dr"], i["freq"], i["gpstime"]) if "gpstime" in i else None
    queued = (i["class"], i["device_queue_id"], pdu, i["rctx"], i["xtime"])
    return {"json": station.downlink(*queued, i.get("rx_delay"), rx1, rx2, eui, ping=ping)}


def _to_phy(i: dict[str, Any]) -> dict[str, str]:
    return {"phy_payload": station.build_frame(i["json"]).hex()}


HOST_KINDS = {
    "mac_command": _mac_command,
    "gwmp_ack": lambda i: {"ack": gwmp.parse(bytes.fromhex(i["datagram"])).ack().hex()},
    "gwmp_parse": _gwmp_parse,
    "gwmp_pull_resp_json": _pull_resp,
    "station_jreq_json": _json_fields,
    "station_updf_json": _json_fields,
    "station_propdf_json": _json_fields,
    "station_reject": _reject,
    "station_jreq_to_phy": _to_phy,
    "station_updf_to_phy": _to_phy,
    "station_propdf_to_phy": _to_phy,
    "station_id6": lambda i: {"eui": station.eui(i["text"]).hex()},
    "station_dnmsg_json": _downlink,
}
