"""Run by MicroPython: builds and reads frames that another implementation made; prints how many agree. Argument: a file of JSON lines."""

import json
import sys

from kerb.uplink.lorawan import frames


def up(row, keys):
    control = 0x20 if row["ack"] else 0
    fopts, payload = bytes.fromhex(row["fopts"]), bytes.fromhex(row["payload"])
    built = frames.data_up(keys, row["address"], row["fcnt"], control, fopts, row["port"], payload, row["confirmed"])
    return built.hex() == row["phy"]


def down(row, keys):
    got = frames.data_down(keys, row["address"], row["fcnt"], bytes.fromhex(row["phy"]))
    if got is None:
        return False
    confirmed, control, fcnt, fopts, port, payload = got
    said = (fopts.hex(), payload.hex(), port, confirmed, bool(control & 0x20), fcnt)
    return said == (row["fopts"], row["payload"], row["port"], row["confirmed"], row["ack"], row["fcnt"])


def main():
    count = {"up": 0, "down": 0, "refused": 0, "wrong": []}
    with open(sys.argv[1]) as f:
        for number, line in enumerate(f):
            row = json.loads(line)
            keys = tuple([bytes.fromhex(key) for key in row["keys"]])
            way = "up" if row["up"] else "down"
            if (up if row["up"] else down)(row, keys):
                count[way] += 1
            else:
                count["wrong"].append(number)
            if not row["up"]:
                bent = bytearray(bytes.fromhex(row["phy"]))
                bent[number * 7919 % (len(bent) * 8) // 8] ^= 1 << number % 8
                count["refused"] += frames.data_down(keys, row["address"], row["fcnt"], bytes(bent)) is None
    print(json.dumps(count))


main()
