"""LoRaWAN as the device computes it: kerb.uplink.lorawan, its packages, and the timers of a cellular modem."""

from protocol_tables import REGIONS

from kerb.modem import timers
from kerb.uplink.lorawan import adr, crypto, frames, join
from kerb.uplink.lorawan.packages import clock_sync, fragments, images, multicast, wire
from kerb.uplink.lorawan.ping import ping_offset
from kerb.uplink.lorawan.region import region_of
from kerb.uplink.lorawan.session import Session

_hex = bytes.fromhex


def _text(data):
    return bytes(data).hex()


def _number(value):
    return int(value, 16) if isinstance(value, str) else value


def _direction(i):
    return 0 if i["direction"] == "up" else 1


# -- keys, codes, frames -----------------------------------------------------------------------------------------------------


def _subkeys(i):
    key = _hex(i["key"])
    zero = crypto.block(key, bytes(16))
    k1 = crypto._double(int.from_bytes(zero, "big"))
    k2 = crypto._double(k1)
    return {"aes128_of_zero": _text(zero), "k1": _text(k1.to_bytes(16, "big")), "k2": _text(k2.to_bytes(16, "big"))}


def _cmac4(key, message):
    return _text(crypto.cmac(_hex(key), message)[:4])


def _join_request(i):
    phy = frames.join_request((_hex(i["dev_eui"]), _hex(i["join_eui"]), _hex(i["app_key"])), _number(i["dev_nonce"]))
    return {"phy_payload": _text(phy), "mic": _text(phy[-4:])}


def _join_request_parts(i):
    """The request read from its bytes is the one the device builds from what was read."""
    phy = _hex(i["phy_payload"])
    join_eui, dev_eui = bytes(reversed(phy[1:9])), bytes(reversed(phy[9:17]))
    nonce = phy[17] | phy[18] << 8
    built = frames.join_request((dev_eui, join_eui, _hex(i.get("app_key", "00" * 16))), nonce)
    out = {"join_eui": _text(join_eui), "dev_eui": _text(dev_eui), "dev_nonce": "%04x" % nonce, "mic": _text(phy[-4:])}
    return out if built[:-4] == phy[:-4] else {}


def _join_request_genuine(i):
    phy = _hex(i["phy_payload"])
    return {"mic_valid": _cmac4(i["app_key"], phy[:-4]) == _text(phy[-4:]), "calculated_mic": _cmac4(i["app_key"], phy[:-4])}


def _accept_body(clear):
    return {
        "join_nonce": int.from_bytes(clear[0:3], "little"), "net_id": "%06x" % int.from_bytes(clear[3:6], "little"),
        "dev_addr": "%08x" % int.from_bytes(clear[6:10], "little"), "dl_settings": "%02x" % clear[10], "rx_delay": clear[11],
        "mic": _text(clear[-4:]),
    }  # fmt: skip


def _join_accept(i):
    key, phy = _hex(i["app_key"]), _hex(i["phy_payload"])
    accept = frames.join_accept(key, phy)
    clear = crypto.open_join_accept(key, phy[1:])
    out = {"decrypted_body": _text(clear), "mic_valid": accept is not None}
    out.update(_accept_body(clear))
    if accept is None:
        return out
    # The body says 0 for one second; from here on it is what the device goes by.
    join_nonce, net_id, dev_addr, offset, rx2_dr, rx_delay, cf_list = accept
    read = (join_nonce, "%06x" % net_id, "%08x" % dev_addr, rx_delay)
    if read != (out["join_nonce"], out["net_id"], out["dev_addr"], out["rx_delay"] or 1):
        return {}
    out["rx1_dr_offset"], out["rx2_dr"] = offset, rx2_dr
    if cf_list:
        out["cflist_type"] = cf_list[15]
        out["cflist_hz"] = [int.from_bytes(cf_list[3 * k : 3 * k + 3], "little") * 100 for k in range(5)]
    if "dev_nonce" in i:
        out.update(_session_keys({
            "app_key": i["app_key"], "join_nonce": join_nonce, "net_id": net_id, "dev_nonce": i["dev_nonce"],
        }))  # fmt: skip
    return out


def _join_accept_plain(i):
    clear = _hex(i["decrypted_phy"])
    out = _accept_body(clear[1:])
    out["join_nonce"] = "%06x" % out["join_nonce"]
    out["mic"] = _cmac4(i["app_key"], clear[:-4])
    out["mic_valid"] = out["mic"] == _text(clear[-4:])
    return out


def _session_keys(i):
    nonces = [_number(i[name]) for name in ("join_nonce", "net_id", "dev_nonce")]
    nwk, app = crypto.session_keys(_hex(i["app_key"]), *nonces)
    return {"nwk_s_key": _text(nwk), "app_s_key": _text(app)}


def _data_frame(i):
    """Downlinks go through the device's reader; uplinks are taken apart here, built anew by the device, and compared.

    Without the application's key its payload is shown as it is on the air.
    """
    phy, nwk = _hex(i["phy_payload"]), _hex(i["nwk_s_key"])
    keys = (nwk, _hex(i["app_s_key"]) if "app_s_key" in i else bytes(16))
    address, fcnt = int.from_bytes(phy[1:5], "little"), phy[6] | phy[7] << 8 | i.get("fcnt_msb", 0) << 16
    up = not phy[0] & 0x20
    at = 8 + (phy[5] & 15)
    port = phy[at] if at < len(phy) - 4 else None
    body = crypto.crypt(keys[1 if port else 0], not up, address, fcnt, phy[at + 1 : -4])
    out = {
        "mhdr": "%02x" % phy[0], "dev_addr": "%08x" % address, "fctrl": phy[5], "fcnt": fcnt, "fopts": _text(phy[8:at]), "fport": port,
        "payload": _text(phy[at + 1 : -4] if port and "app_s_key" not in i else body), "mic": _text(phy[-4:]),
        "calculated_mic": _text(crypto.data_mic(nwk, not up, address, fcnt, phy[:-4])),
    }  # fmt: skip
    if up:
        built = frames.data_up(keys, address, fcnt, phy[5] & 0xF0, phy[8:at], port, body, phy[0] == 0x80)
        out["mic_valid"] = bytes(built) == phy
        return out
    down = frames.data_down(keys, address, fcnt, phy)
    out["mic_valid"] = down is not None
    if down:
        _, out["fctrl"], out["fcnt"], fopts, out["fport"], payload = down
        out["fopts"] = _text(fopts)
        if "app_s_key" in i:
            out["payload"] = _text(payload)
    return out


def _encrypt(i):
    address = _number(i["dev_addr"])
    return {"ciphertext": _text(crypto.crypt(_hex(i["key"]), _direction(i), address, i["fcnt"], _hex(i["plaintext"])))}


def _data_mic(i):
    return {"mic": _text(crypto.data_mic(_hex(i["nwk_s_key"]), _direction(i), _number(i["dev_addr"]), i["fcnt"], _hex(i["message"])))}


# -- application packages ----------------------------------------------------------------------------------------------------

_PACKAGES = {clock_sync.PORT: clock_sync, multicast.PORT: multicast, fragments.PORT: fragments, images.PORT: images}
_HEX_NUMBERS = ("mc_addr",)
_OTHER_NAMES = {  # how other tables of cases may call a field
    "token_req": "token", "token_ans": "token", "periodicity": "period", "mc_group_mask": "mc_group_bit_mask",
    "frag_algo": "fragmentation_matrix", "wrong_index": "index_not_supported", "received": "nb_frag_received",
    "missing_frag": "missing", "timeout": "timeout_exp", "time_out": "timeout_exp", "version": "package_version",
    "identifier": "package_identifier", "package_id": "package_identifier", "session_time_out": "timeout_exp",
    "delete_version": "firmware_to_delete_version", "firmware": "fw_version", "hardware": "hw_version", "data": "payload",
}  # fmt: skip


def _package(i):
    command, _, version = i["command"].partition("(v")
    package = _PACKAGES[i["fport"]]
    table = package.UP if i["direction"] == "up" else package.DOWN
    if package is fragments:
        table = table[int(version[:-1]) if version else 2]
    fields = {}
    for name, value in i["fields"].items():
        if name == "items":
            value = b"".join([wire.pack(0, multicast.STATUS_ITEM, _values(item, multicast.STATUS_ITEM))[1:] for item in value])
        fields[name] = value
    for cid in table:
        name, layout = table[cid]
        if name == command:
            data = wire.pack(cid, layout, _values(fields, layout))
            read, used = wire.unpack(layout, data[1:])
            return {"bytes": _text(data)} if wire.pack(cid, layout, read) == data and used == len(data) - 1 else {}
    raise ValueError("no command %s" % i["command"])


def _values(fields, layout):
    names = [field.split(":")[0] for field in layout.split()]
    out = {}
    for name, value in fields.items():
        name = name if name in names else _OTHER_NAMES.get(name, name)
        if name not in names:
            raise ValueError("no field %s" % name)
        if isinstance(value, str):
            value = int(value, 16) if name in _HEX_NUMBERS else _hex(value)
        out[name] = value
    return out


def _mc_session_keys(i):
    nwk, app = multicast.session_keys(_hex(i["mc_key"]), _number(i["mc_addr"]))
    return {"mc_nwk_s_key": _text(nwk), "mc_app_s_key": _text(app)}


def _pieces(i):
    data = _hex(i["data"])
    size, count = i["frag_size"], i["nb_frag"]
    padding = size * count - len(data)
    data += bytes(padding)
    return [data[n * size : (n + 1) * size] for n in range(count)], padding


def _coded(pieces, line, version):
    mask, out = fragments.parity(line, len(pieces), version), bytearray(len(pieces[0]))
    for n, piece in enumerate(pieces):
        if mask >> n & 1:
            fragments.xor_into(out, piece)
    return out


def _coded_fragments(i):
    pieces, _ = _pieces(i)
    coded = [_text(_coded(pieces, line, i["package_version"])) for line in range(1, i["redundancy"] + 1)]
    count = i["nb_frag"]
    return {"coded_fragments_%d_to_%d" % (count + 1, count + i["redundancy"]): coded}


def _columns(mask):
    return [n for n in range(mask.bit_length() if hasattr(mask, "bit_length") else 512) if mask >> n & 1]


def _parity_lines(i):
    return {"v%d_columns" % version: _columns(fragments.parity(i["line"], i["nb_frag"], version)) for version in (1, 2)}


def _recovery(i):
    pieces, padding = _pieces(i)
    version, count = i["package_version"], i["nb_frag"]
    decoder = fragments.Defragmenter(count, i["frag_size"], version, len(i["lost_uncoded"]))
    for n in range(1, 2 * count + 1):
        if n in i["lost_uncoded"]:
            continue
        decoder.take(n, pieces[n - 1] if n <= count else _coded(pieces, n - count, version))
        if decoder.done:
            break
    return {"recovered": decoder.done and decoder.data(padding) == _hex(i["data"]), "complete_after_fragment_index": n}


def _block_mic(i):
    key = fragments.block_key(_hex(i["app_or_gen_app_key"]))
    mic = fragments.block_mic(key, i["session_cnt"], i["frag_index"], _hex(i["descriptor_bytes"]), _hex(i["block"]))
    return {"data_block_int_key": _text(key), "mic": _text(mic)}


# -- behaviour over time -----------------------------------------------------------------------------------------------------


def _adr_backoff(i):
    table = dict(REGIONS["EU868"])
    table["adr_ack_limit"], table["adr_ack_delay"] = i["adr_ack_limit"], i["adr_ack_delay"]
    region = region_of(table)
    session = Session(region, 0)
    session.dr, session.power, session.mask, session.nb_trans = 4, 3, 0x100, 3
    session.channels[8] = [867900000, 867900000, 0, 5]
    request = power = restored = None
    rates = []
    for uplink in range(1, 2 * (i["adr_ack_limit"] + 8 * i["adr_ack_delay"])):
        if request is None and adr.control_bits(session, region, True) & 0x40:
            request = uplink
        if power is None and session.power == 0:
            power = uplink
        if restored is None and session.mask & 7 == 7 and session.nb_trans == 1:
            restored = uplink
        before = session.dr
        adr.advance(session, region, True, False)
        if session.dr < before:
            rates.append(uplink + 1)
    last = "default channels re-enabled and NbTrans=1" if restored and restored > rates[-1] and session.dr == 0 else "unchanged"
    return {"adr_ack_req_first_at": request, "tx_power_to_default_at": power, "dr_lowered_at": rates, "after_lowest_dr": last}


def _join_backoff(i):
    """The budget of each period, and that join_wait_s() never lets a device beyond it."""
    session = Session(region_of(REGIONS["EU868"]), 0)
    air_us, now, used = 1482752, 0, {}
    while now < 4 * 86400:
        wait = join.join_wait_s(session, air_us, now)
        if wait:
            now += wait
            continue
        session.join_used += air_us // 1000 + 1
        period, budget_ms, _ = join.join_period(now)
        used[period] = used.get(period, 0) + air_us / 1000
        if used[period] > budget_ms:
            return {}
        now += 7
    budgets = [join.join_period(t)[1] / 1000 for t in (0, 3600, 39600)]
    names = ("first_hour_max_airtime_s", "next_10_hours_max_airtime_s", "each_following_24h_max_airtime_s")
    return dict(zip(names, budgets))


# -- regions -------------------------------------------------------------------------------------------------------------------


def _region(name):
    """(Region, Hz by which the group is moved against it); "AS923" without a group is group 1."""
    for table in REGIONS.values():
        groups = table.get("groups", {})
        if name in (table["name"], table["name"].split("-")[0]) or name in groups:
            return region_of({key: table[key] for key in table if key not in ("groups", "network")}), groups.get(name, 0), groups
    raise ValueError("no table for region %s" % name)


def _payloads(region, dwell):
    return {str(dr): region.max_payload(dr, dwell) for dr in range(len(region.rates))}


def _region_defaults(i):
    region, moved, groups = _region(i["region"])
    limits = _payloads(region, 0)
    return {
        "join_channels_hz": [channel[0] + moved for channel in region.defaults],
        "default_channels_hz": [channel[0] + moved for channel in region.defaults],
        "rx2": [region.rx2[0] + moved, region.rx2[1]],
        "max_eirp_dbm": region.max_eirp_dbm,
        "tx_power_step_db": region.power_step_db,
        "max_tx_power_index": region.max_power_index,
        "max_app_payload": limits,
        "max_app_payload_uplink": limits,
        "max_app_payload_dwell0": limits,
        "max_app_payload_uplink_dwell0": limits,
        "max_app_payload_uplink_dwell1": _payloads(region, 1),
        "max_rx1_dr_offset": len(region.rx1_dr[0]) - 1,
        "group_offsets_hz": groups,
    }


def _rx1_table(i):
    region, _, _ = _region(i["region"])
    dwell = 2 if i.get("downlink_dwell") else 0
    rows = i.get("uplink_dr_rows", range(len(region.rx1_dr)))
    return {"table": [[region.rx1(dr, offset, dwell) for offset in range(len(region.rx1_dr[0]))] for dr in rows]}


# -- cellular timers ---------------------------------------------------------------------------------------------------------


def _timer(units):
    def kind(i):
        bits = timers.encode(units, i["seconds"])
        return {"bits": bits} if timers.decode(units, bits) >= i["seconds"] else {}

    return kind


def _timer_off(i):
    both = [timers.decode(units, timers.OFF) for units in (timers.T3412, timers.T3324)]
    return {"bits": timers.OFF} if both == [None, None] else {}


def _edrx(table):
    def kind(i):
        wrong = [bits for bits, seconds in i["value_bits"].items() if table.get(bits) != int(seconds * 100 + 0.5)]
        return {"unit": "seconds"} if not wrong else {"wrong": wrong}

    return kind


KINDS = {
    "aes_cmac": lambda i: {"mac": _text(crypto.cmac(_hex(i["key"]), _hex(i["message"])))},
    "aes_cmac_subkeys": _subkeys,
    "join_request": _join_request,
    "join_request_mic": lambda i: {"mic": _cmac4(i["app_key"], _hex(i["message"]))},
    "join_request_mic_negative": _join_request_genuine,
    "join_request_parse": _join_request_parts,
    "join_accept": _join_accept,
    "join_accept_cflist": _join_accept,
    "join_accept_plain_mic": _join_accept_plain,
    "session_keys_1_0": _session_keys,
    "data_frame_1_0": _data_frame,
    "data_frame_mic_negative": _data_frame,
    "frm_payload_encrypt": _encrypt,
    "data_mic": _data_mic,
    "app_package": _package,
    "mc_root_key_1_0_x": lambda i: {"mc_root_key": _text(multicast.root_key(_hex(i["gen_app_key"])))},
    "mc_root_key_1_1_x": lambda i: {"mc_root_key": _text(multicast.root_key(_hex(i["app_key"]), True))},
    "mc_ke_key": lambda i: {"mc_ke_key": _text(multicast.ke_key(_hex(i["mc_root_key"])))},
    "mc_session_keys": _mc_session_keys,
    "frag_prbs23": lambda i: {"next": [fragments.prbs23(x) for x in i["x"]]},
    "frag_fec_parity_lines": _parity_lines,
    "frag_fec_coded_fragments": _coded_fragments,
    "frag_fec_recovery": _recovery,
    "frag_block_mic_v2": _block_mic,
    "class_b_ping_offset": lambda i: {"ping_offset": ping_offset(i["beacon_time"], _number(i["dev_addr"]), i["ping_period"])},
    "adr_backoff": _adr_backoff,
    "join_backoff_duty_cycle": _join_backoff,
    "gprs_timer3_T3412": _timer(timers.T3412),
    "gprs_timer2_T3324": _timer(timers.T3324),
    "gprs_timer_off": _timer_off,
    "edrx_nb_s1": _edrx(timers.EDRX_NB),
    "region_defaults": _region_defaults,
    "region_rx1_dr": _rx1_table,
}
