"""Runs in MicroPython: mutations of signed bundles. None is accepted, none raises anything but Refused.

Arguments: first seed, mutations. Standard input: JSON of the bundles and the trusted keys.
"""

import json
import sys
from io import BytesIO

from kerb.update.envelope import REASONS, Refused
from kerb.update.install import read_bundle

given = json.loads(sys.stdin.readline())
bundles = [bytes.fromhex(b) for b in given["bundles"]]
heads = given["heads"]  # bytes of a bundle up to the end of its envelope: what a signature answers for
trusted = {bytes.fromhex(kid): [algorithm, bytes.fromhex(key)] for kid, (algorithm, key) in given["keys"].items()}
value = int(sys.argv[1])


def rng(n):
    global value
    value = (value * 1103515245 + 12345) & 0x7FFFFFFF
    return (value >> 8) % n


def mutate(data, head, other):
    out = bytearray(data[:head])
    for _ in range(1 + rng(3)):
        at, how = rng(len(out)), rng(6)
        if rng(2):
            at = at % min(len(out), 220)  # where the structure is
        if how == 0:
            out[at] ^= 1 << rng(8)
        elif how == 1:
            out[at] = rng(256)
        elif how == 2:
            out = out[:at] or out
        elif how == 3:
            out = out[:at] + bytes((rng(256),)) + out[at:]
        elif how == 4:
            out = out[:at] + out[at + 1 + rng(8) :] or out
        else:
            out = out[:at] + other[at : at + 1 + rng(80)] + out[at + rng(80) :]
    return bytes(out) + data[head:]


counts = {}
for _turn in range(int(sys.argv[2])):
    which = rng(len(bundles))
    data = mutate(bundles[which], heads[which], bundles[rng(len(bundles))])
    if any([data[:head] == b[:head] for b, head in zip(bundles, heads)]):
        continue  # two changes that cancel each other
    try:
        read_bundle(BytesIO(data), trusted)
        reason = "accepted"
        print(data.hex(), file=sys.stderr)
    except Refused as error:
        reason = error.reason
        assert reason in REASONS
    counts[reason] = counts.get(reason, 0) + 1
print(json.dumps(counts))
