"""Known-answer checks and scenarios that run in either interpreter; `main()` prints their results as JSON for a differential test."""

import json
import sys

from lorawan_world import World, crypto

# isort: split
from kerb.radio.airtime import time_on_air_us
from kerb.uplink.lorawan import frames


def _hex(text):
    return bytes.fromhex(text)


def _up_or_down(inputs):
    return 0 if inputs["direction"] == "up" else 1


def _aes_cmac(i):
    return {"mac": crypto.cmac(_hex(i["key"]), _hex(i["message"])).hex()}


def _join_request(i):
    phy = frames.join_request((_hex(i["dev_eui"]), _hex(i["join_eui"]), _hex(i["app_key"])), i["dev_nonce"])
    return {"phy_payload": phy.hex(), "mic": phy[-4:].hex()}


def _join_request_mic(i):
    return {"mic": crypto.cmac(_hex(i["app_key"]), _hex(i["message"]))[:4].hex()}


def _join_accept(i):
    phy = _hex(i["phy_payload"])
    accept = frames.join_accept(_hex(i["app_key"]), phy)
    join_nonce, net_id, dev_addr, offset, rx2_dr, rx_delay, cf = accept
    out = {
        "decrypted_body": crypto.open_join_accept(_hex(i["app_key"]), phy[1:]).hex(),
        "join_nonce": join_nonce, "net_id": f"{net_id:06x}", "dev_addr": f"{dev_addr:08x}",
        "rx1_dr_offset": offset, "rx2_dr": rx2_dr, "mic_valid": True,
        "mic": crypto.open_join_accept(_hex(i["app_key"]), phy[1:])[-4:].hex(),
        "dl_settings": f"{offset << 4 | rx2_dr:02x}",
    }  # fmt: skip
    out["rx_delay"] = rx_delay
    if cf:
        out["cflist_type"] = cf[15]
        out["cflist_hz"] = [int.from_bytes(cf[3 * k : 3 * k + 3], "little") * 100 for k in range(5)]
    if "dev_nonce" in i:
        keys = crypto.session_keys(_hex(i["app_key"]), join_nonce, net_id, i["dev_nonce"])
        out["nwk_s_key"], out["app_s_key"] = keys[0].hex(), keys[1].hex()
    return out


def _session_keys(i):
    keys = crypto.session_keys(_hex(i["app_key"]), i["join_nonce"], i["net_id"], i["dev_nonce"])
    return {"nwk_s_key": keys[0].hex(), "app_s_key": keys[1].hex()}


def _data_frame(i):
    """Uplinks are built anew and compared with the captured bytes; downlinks are read."""
    phy, key = _hex(i["phy_payload"]), _hex(i["nwk_s_key"])
    address, fcnt = int.from_bytes(phy[1:5], "little"), phy[6] | phy[7] << 8
    if phy[0] == 0x40:
        built = frames.data_up((key, bytes(16)), address, fcnt, phy[5], b"", phy[8], b"", False)
        return {"mic": built[-4:].hex(), "mic_valid": bytes(built) == phy}
    down = frames.data_down((key, bytes(16)), address, fcnt, phy)
    _, control, fcnt, fopts, port, payload = down
    out = {"mic": phy[-4:].hex(), "mic_valid": True}
    out.update({"fcnt": fcnt, "fctrl": control, "fport": port, "fopts": fopts.hex(), "payload": payload.hex()})
    return out


def _negative(i):
    phy, key = _hex(i["phy_payload"]), _hex(i["nwk_s_key"])
    mic = crypto.data_mic(key, 0, int.from_bytes(phy[1:5], "little"), phy[6] | phy[7] << 8, phy[:-4])
    return {"mic_valid": mic == phy[-4:], "calculated_mic": mic.hex()}


def _encrypt(i):
    out = crypto.crypt(_hex(i["key"]), _up_or_down(i), int(i["dev_addr"], 16), i["fcnt"], _hex(i["plaintext"]))
    return {"ciphertext": bytes(out).hex()}


def _data_mic(i):
    mic = crypto.data_mic(_hex(i["nwk_s_key"]), _up_or_down(i), int(i["dev_addr"], 16), i["fcnt"], _hex(i["message"]))
    return {"mic": mic.hex()}


def _airtime(i):
    coding = int(i["cr"][2]) - 4
    shape = (coding, i["preamble"], i["explicit_header"], i["crc"], i.get("ldro"))
    return {"airtime_us": time_on_air_us(i["phy_len"], i["sf"], i["bw_hz"], *shape)}


CHECKS = {
    "aes_cmac": _aes_cmac,
    "join_request": _join_request,
    "join_request_mic": _join_request_mic,
    "join_accept": _join_accept,
    "join_accept_cflist": _join_accept,
    "session_keys_1_0": _session_keys,
    "data_frame_1_0": _data_frame,
    "data_frame_mic_negative": _negative,
    "frm_payload_encrypt": _encrypt,
    "data_mic": _data_mic,
    "lora_airtime_us": _airtime,
}


def check(case):
    """What the firmware answers to a case, as {field: value}."""
    return CHECKS[case["kind"]](case["inputs"])


def story(region, hop, seed):
    """A month in short: join, frames, lost answers, MAC commands, a wrap of ticks. Returns what went over the air and what came out.

    `hop` packs, throws the device away and unpacks it between any two steps, as deep sleep does.
    """
    world = World(region, seed)
    network = world.network
    network.cf_list = b"".join([(8671000 + 2000 * n).to_bytes(3, "little") for n in range(5)]) + b"\0"
    network.hears = lambda kind, number: number != 1 if kind == "join" else number % 3 != 2
    network.plan = lambda kind, number: ("rx1", "rx2", None)[number % 3] if kind == "data" else "rx2"
    device = world.start()
    out = []
    steps = [
        ("connect", None),
        ("send", {}), ("time", {"fopts": b"\x0d\x00\x94\x35\x77\x80"}),
        ("send", {"fopts": b"\x03\x53\xff\x00\x01\x03\x41\xff\x00\x02"}),
        ("send", {"fopts": b"\x05\x13\xd2\xad\x84\x08\x02"}),
        ("confirm", {"port": 0, "payload": b"\x06\x0a\x03\x18\x4f\x84\x07\x09\x58\x6e\x84\x50"}),
        ("send", {}), ("confirm", {"port": 9, "payload": b"down", "confirmed": True}), ("send", {"fopts": b"\x04\x03"}),
    ] + [("confirm", None)] * 6  # fmt: skip
    for number, (step, queued) in enumerate(steps):
        if queued:
            network.queue.append(queued)
        if step == "connect":
            out.append(device.connect())
        else:
            if step == "time":
                device.ask_time()
            receipt = device.send(bytes((number,)) * (number + 3), 1, step == "confirm")
            out.append(None if receipt is None else receipt.acknowledged)
            network.delay_s = device._mac.session.rx_delay
            network.rx2 = (device._mac.session.rx2_hz, 12 - device._mac.session.rx2_dr)
        out.append(device.receive())
        out.append(device.take_time())
        world.pass_s(977)
        if hop:
            record = device.pack()
            device = world.start()
            assert device.unpack(record)
    air = [[sent[0], sent[2], sent[3], sent[4], sent[5].hex()] for sent in world.radio.sent]
    return {"air": air, "out": [repr(value) for value in out], "wrongs": network.wrongs, "session": device.pack().hex()}


def main():
    with open(sys.argv[1]) as f:
        task = json.load(f)
    results = {}
    for case in task["cases"]:
        results[case["id"]] = check(case)
    results["story"] = story(task["region"], True, 7)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
