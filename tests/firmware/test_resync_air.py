"""Ten thousand disturbances a sensor on its UART, under MicroPython: no good frame is lost, nothing else is taken for one."""

import json
import random
from struct import pack

import pytest

from interpreter import micropython
from kerbstone.emulator.parts import pms5003, sps30_uart, winsen

DISTURBANCES = 10_000


# What an 8-bit sum lets through of frames that lost a bit or a byte; a 16-bit one, or a length beside it, lets nothing through.
FALSE_AT_MOST = {"winsen_active": 15, "winsen_answer": 15}


def pms_frame(rng: random.Random) -> bytes:
    return pms5003.frame([rng.randint(0, 900) for _ in range(6)] + [rng.randint(0, 9_000) >> i for i in range(6)] + [0x9700])


def sds_frame(rng: random.Random) -> bytes:
    body = pack("<HH", rng.randint(0, 9_999), rng.randint(0, 9_999)) + rng.randbytes(2)
    return b"\xaa\xc0" + body + bytes((sum(body) & 0xFF, 0xAB))


def shdlc_frame(rng: random.Random) -> bytes:
    data = pack(">10f", *(rng.uniform(0, 1_000) for _ in range(10)))
    return sps30_uart.stuffed(b"\x00\x03\x00" + bytes((len(data),)) + data)


def winsen_active(rng: random.Random) -> bytes:
    return winsen.frame(bytes((rng.choice((0x04, 0x17, 0x2C)), rng.choice((3, 4)), 1)) + pack(">HH", rng.randint(0, 5_000), 5_000))


def winsen_answer(rng: random.Random) -> bytes:
    return winsen.frame(b"\x86" + pack(">HHH", rng.randint(0, 2_000), 0, rng.randint(0, 2_000)))


# Sensor: driver module, largest frame, maker of good frames, head, bytes at the end of a frame that also begin the next.
SENSORS = {
    "pms5003": ("pms5003", 32, pms_frame, b"\x42\x4d\x00\x1c", 0),
    "sds011": ("sds011", 10, sds_frame, b"\xaa\xc0", 0),
    "sps30": ("shdlc", 140, shdlc_frame, b"\x7e\x00\x03", 1),
    "winsen_active": ("winsen", 9, winsen_active, b"\xff\x04\x03", 0),
    "winsen_answer": ("winsen", 9, winsen_answer, b"\xff\x86", 0),
}

# Reads [module, largest, bytes to show of a frame (0: its length)], then a chunk of bytes a line; writes every frame found.
READER = """
import json, sys
from binascii import hexlify, unhexlify
from kerb.drivers.framing import Framer
name, largest, shown = json.loads(sys.stdin.readline())
framer = Framer(__import__("kerb.drivers." + name, None, None, (name,)).probe, largest)

class Bus:
    waiting = b""
    def any(self):
        return len(self.waiting)
    def readinto(self, buf, n):
        got = min(n, len(self.waiting))
        buf[:got] = self.waiting[:got]
        self.waiting = self.waiting[got:]
        return got

bus = Bus()
for line in sys.stdin:
    bus.waiting = unhexlify(line.strip())
    while True:
        n = framer.read(bus)
        if not n:
            break
        print(hexlify(framer.buf[framer.at:framer.at + (shown or n)]).decode())
"""


def disturbance(rng: random.Random, good: bytes, head: bytes) -> bytes:
    """One of: noise, a truncated frame, a false head, one with a wrong bit, one that lost a byte, half a head, nothing (a split)."""
    kind = rng.randrange(7)
    if kind == 0:
        return rng.randbytes(rng.randint(1, 40))
    if kind == 1:
        return good[: rng.randint(1, len(good) - 1)]
    if kind == 2:
        return head + rng.randbytes(rng.randint(0, 8))
    if kind == 3:
        bit = rng.randrange(8 * len(good))
        return (int.from_bytes(good, "big") ^ 1 << bit).to_bytes(len(good), "big")
    if kind == 4:
        at = rng.randrange(len(good))
        return good[:at] + good[at + 1 :]
    return head[: rng.randint(1, len(head))] if kind == 5 else b""


def stream(name: str, seed: int, count: int) -> tuple[bytes, list[str], set[str]]:
    """The bytes, the good frames in them, and those that were disturbed (which may still be whole but for a shared edge)."""
    _, _, make, head, shared = SENSORS[name]
    rng = random.Random(seed)
    data, good, disturbed = bytearray(), [], set()
    for _ in range(count):
        other, frame = make(rng), make(rng)
        data += disturbance(rng, other, head) + frame
        good.append(frame[: len(frame) - shared].hex())
        disturbed.add(other[: len(other) - shared].hex())
    return bytes(data), good, disturbed


def chunks(data: bytes, seed: int, most: int = 60) -> list[str]:
    rng, at, out = random.Random(seed), 0, []
    while at < len(data):
        size = rng.randint(1, most)
        out.append(data[at : at + size].hex())
        at += size
    return out


def found(name: str, data: bytes, seed: int) -> list[str]:
    module, largest = SENSORS[name][:2]
    head = json.dumps([module, largest, 9 if module == "winsen" else 0])
    return micropython(READER, "\n".join([head, *chunks(data, seed)]) + "\n").splitlines()


@pytest.mark.parametrize("name", SENSORS)
def test_ten_thousand_disturbances_cost_no_good_frame_and_make_no_false_one(name):
    data, good, disturbed = stream(name, 4, DISTURBANCES)
    got = found(name, data, 5)
    at = iter(got)
    assert [i for i, frame in enumerate(good) if frame not in at] == []  # each one behind the one before
    known = set(good)
    others = [frame for frame in got if frame not in known and frame not in disturbed]
    assert len(others) <= FALSE_AT_MOST.get(name, 0)


@pytest.mark.parametrize("name", SENSORS)
def test_noise_alone_is_never_a_frame(name):
    assert found(name, random.Random(9).randbytes(60_000), 3) == []


@pytest.mark.parametrize("name", SENSORS)
def test_a_stream_of_heads_alone_ends_with_the_frame_behind_it(name):
    _, _, make, head, shared = SENSORS[name]
    frame = make(random.Random(1))
    assert found(name, head * 500 + frame + frame, 2)[-1] == frame[: len(frame) - shared].hex()
