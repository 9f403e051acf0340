"""A class C device with every package, through one sitting; `main()` prints what it said and kept, the same in either interpreter."""

import json
import sys

from lorawan_ear import GEN_APP_KEY, ClassC, Group, cmac
from lorawan_network import Aes

# isort: split
from kerb.uplink.lorawan.packages import fragments

SIZE, COUNT = 24, 6
BLOCK = bytes([i * 7 & 255 for i in range(SIZE * COUNT - 5)])


def _setup(version):
    key = Aes(GEN_APP_KEY, 1).encrypt(b"\x30" + bytes(15))
    head = b"\x02\x10" + COUNT.to_bytes(2, "little") + bytes((SIZE, 0, 5)) + b"v003"
    if version == 1:
        return head
    first = b"\x49\x01\x00\x01" + b"v003" + bytes(4) + len(BLOCK).to_bytes(4, "little")
    return head + b"\x01\x00" + bytes(cmac(key, first + BLOCK)[:4])


def _piece(n, version):
    padded = BLOCK + bytes(5)
    rows = [padded[i * SIZE : (i + 1) * SIZE] for i in range(COUNT)]
    row = bytearray(rows[n - 1] if n <= COUNT else SIZE)
    if n > COUNT:
        mask = fragments.parity(n - COUNT, COUNT, version)
        for i in range(COUNT):
            if mask >> i & 1:
                fragments.xor_into(row, rows[i])
    return b"\x08" + (1 << 14 | n).to_bytes(2, "little") + bytes(row)


def story(region, version):
    """Groups, a session, a block with losses, the clock, the certification port, and a loss of power."""
    packages = ["clock", "groups", "blocks", "certification"]
    world = ClassC(region, 5, {"packages": packages, "package_version": version})
    device = world.start()
    blocks, out = [], []

    def taken(descriptor, path, size):
        with open(path, "rb") as file:
            blocks.append((descriptor.hex(), file.read(size) == BLOCK))
        return False

    device.on_block = taken
    device.restart = lambda: out.append("restart")
    out.append(device.connect())
    device.send(b"here", 1, False)
    group = Group(world.network)
    start = world.wall.true_gps() + 120
    for port, payload in (
        (200, group.set_up()),
        (200, b"\x04\x01" + start.to_bytes(4, "little") + b"\x08" + (8691000).to_bytes(3, "little") + b"\x05"),
        (201, _setup(version)), (202, b"\x03\x01"), (224, b"\x00"), (224, b"\x08\x01\x02"), (224, b"\x09"), (224, b"\x20"),
    ):  # fmt: skip
        world.speak(world.network.downlink({"port": port, "payload": payload}))
        device.wait(4000)
        out.append(device.receive())
        device.tend()
    world.pass_s(max(start - world.wall.true_gps(), 0))
    device.tend()
    for n in (1, 2, 4, 7, 6, 8, 9, 10):
        world.speak(group.frame(201, _piece(n, version)), 869_100_000, 7)
        device.wait(300)
        out.append(device.receive())
    world.pass_s(400)
    device.tend()
    out.append(device.due_ms())
    device = world.start()
    device.connect()
    out.append(sorted(device.packages))
    said = [[f["port"], f["fcnt"], f["payload"].hex(), f["fopts"].hex()] for f in world.network.received]
    kept = {name: world.store.blobs[name].hex() for name in sorted(world.store.blobs)}
    return {"out": [repr(x) for x in out], "said": said, "blocks": blocks, "kept": kept, "wrongs": world.network.wrongs}


def main():
    with open(sys.argv[1]) as f:
        region = json.load(f)
    print(json.dumps([story(region, version) for version in (1, 2)]))


if __name__ == "__main__":
    main()
