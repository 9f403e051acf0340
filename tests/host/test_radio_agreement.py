"""The virtual SX1262 and SX1276 on one air: what one sends the other hears, and both are on air for exactly the published time."""

import json
import random
from pathlib import Path

import pytest
import sx1262_bench
import sx1276_bench

from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.lora import airtime_us, needs_ldro
from kerbstone.emulator.kernel import Kernel

CASES = json.loads((Path(__file__).parents[1] / "conformance" / "data" / "lorawan_cases.json").read_text())
# The chips model the explicit header only.
AIRTIME = [
    (case["inputs"], case["expected"]["airtime_us"])
    for case in CASES if case["kind"] == "lora_airtime_us" and case["inputs"]["explicit_header"]
]  # fmt: skip


def sync_pair(word):
    """The SX126x keeps the two halves of a sync word in two registers, 4 below each."""
    return (word & 0xF0 | 4) << 8 | (word << 4 & 0xF0) | 4


class New:
    """An SX1262 as one end of the link."""

    def __init__(self, kernel, air, name):
        self.chip = sx1262_bench.Bench(kernel, air, name)

    def set(self, sf, bw, cr, sync, inverted, size):
        ldro = int(needs_ldro(sf, bw))
        self.chip.setup(sf=sf, bw=bw, cr=cr, sync=sync_pair(sync), inverted=inverted, size=size, ldro=ldro)

    def listen(self):
        self.chip.listen()

    def transmit(self, data):
        self.chip.transmit(data)

    def heard(self):
        irq = self.chip.irq()
        self.chip.do(0x02, 0x03, 0xFF)
        return self.chip.packet() if irq & sx1262_bench.RX_DONE and not irq & sx1262_bench.CRC_ERR else None

    def rest(self):
        self.chip.do(0x80, 0)


class Old:
    """An SX1276."""

    def __init__(self, kernel, air, name):
        self.chip = sx1276_bench.Bench(kernel, air, name)
        self.chip.setup()

    def set(self, sf, bw, cr, sync, inverted, size):
        chip = self.chip
        chip.write(0x1D, sx1276_bench.BANDWIDTH[bw] << 4 | cr << 1, sf << 4 | 4, 0x64)
        chip.write(0x26, int(needs_ldro(sf, bw)) << 3 | 4)
        chip.write(0x31, 0xC3 if bw == 500_000 else 0x43)
        chip.write(0x36, 2 if bw == 500_000 else 3)
        chip.write(0x3A, 0x64)
        chip.write(0x33, 0x66 if inverted else 0x27)
        chip.write(0x3B, 0x19 if inverted else 0x1D)
        chip.write(0x39, sync)

    def listen(self):
        self.chip.write(0x12, 255)
        self.chip.listen()

    def transmit(self, data):
        self.chip.transmit(data)

    def heard(self):
        irq = self.chip.irq()
        return self.chip.packet() if irq & sx1276_bench.RX_DONE and not irq & sx1276_bench.CRC_ERROR else None

    def rest(self):
        self.chip.mode(sx1276_bench.STANDBY)


@pytest.fixture
def ends():
    kernel = Kernel()
    air = Channel(kernel)
    air.link("new", "old", 100.0)
    return kernel, New(kernel, air, "new"), Old(kernel, air, "old")


def test_a_thousand_random_frames_cross_both_ways_and_only_between_ends_that_agree(ends):
    kernel, new, old = ends
    rng = random.Random(1276)
    crossed = 0
    for i in range(1000):
        setting = [rng.randrange(7, 13), rng.choice((125_000, 250_000, 500_000)), rng.randrange(1, 5), rng.choice((0x34, 0x12, 0x56)),
                   rng.randrange(2)]  # fmt: skip
        other = list(setting)
        if agrees := rng.random() < 0.8:
            other[2] = rng.randrange(1, 5)  # the header says the coding rate: the receiver's own does not matter
        else:
            field = rng.choice((0, 1, 3, 4))
            wider = {125_000: 250_000, 250_000: 500_000, 500_000: 125_000}
            other[field] = {0: 7 + (setting[0] - 6) % 6, 1: wider[setting[1]], 3: 0x78, 4: 1 - setting[4]}[field]
        data = rng.randbytes(rng.randrange(1, 65))
        sender, receiver = (new, old) if i % 2 else (old, new)
        sender.set(*setting, len(data))
        receiver.set(*other, len(data))
        receiver.listen()
        kernel.run(kernel.now + 10_000)
        sender.transmit(data)
        kernel.run(kernel.now + 20_000 + airtime_us(len(data), *setting[:3]))
        assert receiver.heard() == (data if agrees else None), (i, setting, other)
        crossed += agrees
        new.rest()
        old.rest()
    assert 700 < crossed < 900
    assert not kernel.log.of(kind="radio_misuse")


@pytest.mark.parametrize(("frame", "us"), AIRTIME)
@pytest.mark.parametrize("which", [1, 2], ids=["sx1262", "sx1276"])
def test_both_chips_are_on_air_for_the_published_time(ends, which, frame, us):
    kernel, end = ends[0], ends[which]
    preamble = frame["preamble"].to_bytes(2, "big")
    end.set(frame["sf"], frame["bw_hz"], int(frame["cr"][2]) - 4, 0x34, 0, frame["phy_len"])
    if which == 1:
        end.chip.do(0x8C, *preamble, 0, frame["phy_len"], frame["crc"], 0)
    else:
        end.chip.write(0x1E, frame["sf"] << 4 | frame["crc"] << 2)
        end.chip.write(0x20, *preamble)
    end.transmit(bytes(frame["phy_len"]))
    kernel.run(kernel.now + 10_000)
    assert [event[3]["us"] for event in kernel.log.of(kind="on_air")] == [us]


def test_there_are_enough_published_times():
    assert len(AIRTIME) >= 8
