"""Run by MicroPython under a board's heap: hostile downlinks against a joined device. Argument: a JSON file of region tables and counts.

Prints how many frames were refused and taken, and everything that went wrong: an exception, or a session that a refused frame changed.
"""

import gc
import json
import sys

from dice import Dice

from kerb.uplink.lorawan import crypto
from kerb.uplink.lorawan.join import Join
from kerb.uplink.lorawan.mac import Mac
from kerb.uplink.lorawan.region import region_of
from kerb.uplink.lorawan.session import ANSWERS, Session

KEYS = (bytes(range(16)), bytes(range(16, 32)))
ADDRESS = 0x26011BDA


class Exchange:
    snr = done_ms = 0


def signed(dice, fcnt):
    """A downlink of the network's own with any content: it may be refused only for mixing FOpts and port 0."""
    fopts = dice.bytes(dice.below(16)) if dice.below(2) else bytes([2 + dice.below(12) for _ in range(dice.below(16))])
    frame = bytes((0x60 + 0x40 * dice.below(2),)) + ADDRESS.to_bytes(4, "little") + bytes((dice.below(16) << 4 | len(fopts),))
    frame += (fcnt & 0xFFFF).to_bytes(2, "little") + fopts
    if dice.below(3):
        port = dice.below(3) and dice.below(256)
        frame += bytes((port,)) + bytes(crypto.crypt(KEYS[1 if port else 0], 1, ADDRESS, fcnt, dice.bytes(dice.below(50))))
    return frame + crypto.data_mic(KEYS[0], 1, ADDRESS, fcnt, frame)


def mutated(dice, whole):
    """`whole` with bits flipped, cut, stretched, or pieces of it moved; never `whole` itself."""
    frame = bytearray(whole)
    kind = dice.below(5)
    if kind == 0:
        frame = frame[: dice.below(len(frame))]
    elif kind == 1:
        frame += dice.bytes(1 + dice.below(40))
    elif kind == 2:
        frame[5 : 5 + dice.below(20)] = dice.bytes(dice.below(20))
    for _ in range(1 + dice.below(4)):
        if frame:
            frame[dice.below(len(frame))] ^= 1 << dice.below(8)
    return bytes(frame)


def sound(session, region):
    """Whether a device in this state can still send and listen."""
    return (
        region.usable(session.dr, session.dwell) and region.heard(session.rx2_dr, session.rx1_offset) and region.tunable(session.rx2_hz)
        and session.power <= region.max_power_index and 1 <= session.nb_trans <= 15 and 1 <= session.rx_delay <= 15
        and session.mask and session.mask & ~region.carries(session, -1) == 0 and len(session.answers) <= ANSWERS
    )  # fmt: skip


def attack(table, count, seed, found):
    dice = Dice(seed)
    region = region_of(table)
    session = Session(region, 1)
    session.keys, session.dev_addr, session.joined, session.dr = KEYS, ADDRESS, 1, table["join_dr"][0]
    mac = Mac(region, session, None, Exchange(), True)
    join = Join(mac, (b"", b"", KEYS[0]), 1)
    whole = signed(dice, 0)
    before = session.pack()
    for number in range(count):
        if number % 16 == 0:
            whole = signed(dice, session.fcnt_down + dice.below(3))
            taken = mac._take(whole)
            found["taken" if taken else "mixed"] += 1
            mac.inbox.clear()
            if not sound(session, region):
                found["wrong"].append(f"{region.name} frame {number}: not sound")
                session.reset_mac(region)
            before = session.pack()
            whole = signed(dice, session.fcnt_down)
            continue
        frame = mutated(dice, whole)
        if frame != whole and (mac._take(frame) or (number % 8 == 1 and join._take(frame))):
            found["wrong"].append(f"{region.name} frame {number} was taken")
        elif session.pack() != before or mac.inbox:
            found["wrong"].append(f"{region.name} frame {number} changed the session")
        found["refused"] += 1
    accept = b"\x20" + dice.bytes(32)
    for _ in range(count // 50):
        if join._take(mutated(dice, accept)):
            found["wrong"].append("a join accept was taken")
        found["refused"] += 1


def main():
    with open(sys.argv[1]) as f:
        task = json.load(f)
    found = {"refused": 0, "taken": 0, "mixed": 0, "wrong": []}
    for number, table in enumerate(task["regions"]):
        attack(table, task["count"], number + 1, found)
        gc.collect()
    print(json.dumps(found))


main()
