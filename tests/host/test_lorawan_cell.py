"""A cell of many senders and several gateways: what the channel lets through against theory, copies, the best gateway, class C."""

import math
import random
from types import SimpleNamespace

import pytest
from lorawan_bench import DEV_EUI, JOIN_EUI, KEY
from radio_device import RadioDevice

from kerbstone.emulator.air import lora
from kerbstone.emulator.air.channel import Channel, Transmission
from kerbstone.emulator.air.gateway import FIRST_EUI, Downlink, Gateway
from kerbstone.emulator.air.network import COLLECT_US, NetworkServer
from kerbstone.emulator.air.semtech_udp import SemtechUdp
from kerbstone.emulator.air.statistics import air_figures
from kerbstone.emulator.faults.air import gateway_away
from kerbstone.emulator.kernel import SECOND_US, Kernel
from kerbstone.emulator.log import digest
from kerbstone.emulator.radio_cell import read_place
from kerbstone.errors import KerbstoneError

START_UTC = 1_775_174_400
SF, SIZE, HZ = 9, 20, 868_100_000
AIR_US = lora.airtime_us(SIZE, SF, 125_000)
LOCK_US = lora.symbols_us(5, SF, 125_000)  # before it, nothing disturbs
VULNERABLE_US = 2 * AIR_US - LOCK_US
FRAMES = 4000


class Nowhere:
    """A backhaul that ends in the gateway."""

    def start(self, gateway):
        pass

    def forward(self, heard):
        pass

    def close(self):
        pass


def crowd(load, seed, loss_db):
    """Figures of FRAMES frames that come at random with `load` Erlang on one channel; `loss_db(sender)` to the gateway."""
    rng, kernel = random.Random(seed), Kernel()
    air = Channel(kernel)
    Gateway(kernel, air, Nowhere())
    at, senders = 0.0, 500
    for i in range(senders):
        air.link(f"n{i}", "gateway", loss_db(i))
    for _ in range(FRAMES):
        at += rng.expovariate(load / AIR_US)
        start = round(at)
        tx = Transmission(start, start + AIR_US, HZ, SF, 125_000, 1, 0x34, False, True, 14.0, bytes(SIZE), f"n{rng.randrange(senders)}")
        kernel.at(start, air.transmit, tx)
    kernel.run(round(at) + 10 * SECOND_US)
    return kernel.log.events, air_figures(kernel.log.events, round(at))


def near(share, expected, count):
    return share == pytest.approx(expected, abs=3.5 * math.sqrt(expected * (1 - expected) / count))


@pytest.mark.parametrize("load", [0.05, 0.2, 0.5])
def test_equal_senders_get_through_as_pure_aloha_says(load):
    _, figures = crowd(load, 1, lambda i: 100.0)
    assert figures["uplinks"] == FRAMES and figures["too_weak"] == 0 and figures["lost"].keys() <= {"collision"}
    assert near(figures["delivery"], math.exp(-load * VULNERABLE_US / AIR_US), FRAMES)
    assert near(figures["aloha"], math.exp(-2 * load), FRAMES), "the figure printed beside it counts the whole frame"


def test_stronger_senders_are_captured_as_theory_says():
    """Half the senders are 10 dB stronger: only each other can harm them; the weak are harmed by all."""
    load = 0.4
    events, _ = crowd(load, 2, lambda i: 100.0 if i % 2 else 110.0)
    sent, got = [0, 0], [0, 0]
    for _, source, kind, fields in events:
        if kind == "on_air":
            sent[int(source[1:]) % 2] += 1
        elif kind == "uplink":
            got[int(fields["sender"][1:]) % 2] += 1
    touched = load * VULNERABLE_US / AIR_US
    assert near(got[1] / sent[1], math.exp(-touched / 2), sent[1])
    assert near(got[0] / sent[0], math.exp(-touched), sent[0])


def test_a_log_without_uplinks_has_no_figures():
    assert air_figures([(0, "n", "on_air", {"down": True})], 1) == {}


class World:
    """One device among gateways with losses of their own, on the bench network server."""

    def __init__(self, losses, always_on=False):
        self.kernel = Kernel()
        self.air = Channel(self.kernel)
        self.got = []
        self.server = NetworkServer(lambda *a: self.got.append(a), START_UTC, collect=len(losses) > 1)
        self.server.register(DEV_EUI, JOIN_EUI, KEY, "bay-1", always_on=always_on)
        self.server.start()
        self.gateways = []
        for i, loss in enumerate(losses):
            self.air.link("bay-1", f"g{i}", loss)
            gateway = Gateway(
                self.kernel, self.air, SemtechUdp(self.server.address), START_UTC, f"g{i}", (FIRST_EUI + i).to_bytes(8, "big"),
                poll_after_us=COLLECT_US if len(losses) > 1 else None,
            )  # fmt: skip
            gateway.start()
            self.gateways.append(gateway)
        self.device = RadioDevice(self.kernel, self.air)

    def senders(self):
        return [source for _, source, kind, fields in self.kernel.log.events if kind == "on_air" and fields["down"]]

    def close(self):
        for gateway in self.gateways:
            gateway.close()
        self.server.close()


@pytest.fixture
def make():
    worlds = []

    def build(*args, **kwargs):
        worlds.append(World(*args, **kwargs))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


def test_copies_are_one_uplink_and_the_gateway_that_hears_best_answers(make):
    world = make([120.0, 110.0, 160.0])
    assert world.device.join() == 1
    world.kernel.run(world.kernel.now + 60 * SECOND_US)  # longer than a gateway keeps still
    (_, _, fopts, _, _, _), window = world.device.send(b"x", 2, confirmed=True, fopts=b"\x02")
    assert window == 1 and world.senders() == ["g1", "g1"]
    assert (fopts[0], fopts[2]) == (2, 2), "LinkCheckAns: two gateways heard it"
    ((name, _, payload, _, meta),) = world.got
    assert (name, payload, meta["rssi_dbm"]) == ("bay-1", b"x", -96)
    assert world.server.refused == {"copy": 2}
    assert world.server.summary(DEV_EUI)["gateways"] == 2


def test_another_gateway_answers_when_the_best_is_away(make):
    world = make([120.0, 110.0])
    world.device.join()
    world.gateways[1].away = True
    assert world.device.send(b"x", 2, confirmed=True)[1] == 1
    world.gateways[1].away = False
    assert world.device.send(b"y", 2, confirmed=True)[1] == 1
    assert world.senders() == ["g1", "g0", "g1"] and len(world.got) == 2


@pytest.mark.parametrize(("number", "away"), [(0, [True, True, True]), (2, [False, True, False]), (9, [False] * 3)])
def test_the_fault_takes_one_gateway_or_all(number, away):
    gateways = [SimpleNamespace(away=False) for _ in range(3)]
    target = SimpleNamespace(number=lambda name: number, scene=SimpleNamespace(radio=SimpleNamespace(gateways=gateways)))
    end = gateway_away(target)
    assert [g.away for g in gateways] == away
    end()
    assert not any(g.away for g in gateways)


def test_a_repeat_that_follows_later_is_no_copy(make):
    world = make([120.0, 110.0])
    world.device.join()
    world.device.send(b"x", 2)
    world.device.fcnt -= 1
    assert world.device.send(b"x", 2, confirmed=False) is None
    assert [g[2] for g in world.got] == [b"x"] and world.server.refused == {"copy": 3}


def test_several_gateways_repeat_exactly(make):
    logs = []
    for _ in range(2):
        world = make([120.0, 110.0, 115.0])
        world.device.join()
        world.device.send(b"x", 2, confirmed=True)
        logs.append(digest(world.kernel.log.events))
    assert logs[0] == logs[1]


def test_what_several_gateways_hear_between_them_is_more_than_one_hears():
    """Two gateways on either side: frames that collide at one are captured by the other."""
    rng, kernel = random.Random(3), Kernel()
    air = Channel(kernel)
    for name in ("west", "east"):
        Gateway(kernel, air, Nowhere(), name=name)
    for i in range(200):
        for name, side in (("west", 0), ("east", 1)):
            air.link(f"n{i}", name, 100.0 if i % 2 == side else 112.0)
    at = 0.0
    for _ in range(1500):
        at += rng.expovariate(0.4 / AIR_US)
        tx = Transmission(
            round(at), round(at) + AIR_US, HZ, SF, 125_000, 1, 0x34, False, True, 14.0, bytes(SIZE), f"n{rng.randrange(200)}"
        )
        kernel.at(round(at), air.transmit, tx)
    kernel.run(round(at) + 10 * SECOND_US)
    events = kernel.log.events
    both, one = air_figures(events, round(at)), air_figures([e for e in events if e[1] != "east"], round(at))
    touched = 0.4 * VULNERABLE_US / AIR_US
    assert near(both["delivery"], math.exp(-touched / 2), 1500), "each frame is strong at one of them"
    assert near(one["delivery"], (math.exp(-touched / 2) + math.exp(-touched)) / 2, 1500)


# -- class C -------------------------------------------------------------------------------------------------------------------


def test_class_c_gets_its_downlink_at_once_and_confirmed_ones_again(make):
    world = make([110.0], always_on=True)
    world.device.join()
    world.device.send(b"here", 2)
    asked = world.kernel.now
    world.server.enqueue(DEV_EUI, 10, b"dim")
    world.server.enqueue(DEV_EUI, 10, b"lamp", confirmed=True)
    world.gateways[0].poll()
    world.kernel.run(asked + 3 * SECOND_US)
    down = [(t, f) for t, _, kind, f in world.kernel.log.events if kind == "on_air" and f["down"]][1:]
    assert [(f["freq_hz"], f["sf"], f["power_dbm"]) for _, f in down] == [(869_525_000, 9, 27)] * 2
    first, second = down
    assert first[0] - asked < 100_000 and second[0] - (first[0] + first[1]["us"]) == 32_500, "the second waits behind the first"
    device = world.server.device(DEV_EUI)
    assert not device.queue and device.session.unacknowledged.data == b"lamp"
    (_, _, _, port, data, confirmed), _ = world.device.send(b"no ack", 2)
    assert (port, data, confirmed) == (10, b"lamp", True), "nothing acknowledged it, so it comes again, after an uplink"


def test_class_c_gets_nothing_more_while_an_acknowledgement_is_due(make):
    world = make([110.0], always_on=True)
    world.device.join()
    world.device.send(b"here", 2)
    world.server.enqueue(DEV_EUI, 10, b"lamp", confirmed=True)
    world.server.enqueue(DEV_EUI, 10, b"next")
    for _ in range(2):
        world.gateways[0].poll()
        world.kernel.run(world.kernel.now + SECOND_US)
    assert world.senders() == ["g0", "g0"], "the join accept and the first of the two"
    (_, _, _, _, data, _), _ = world.device.send(b"done", 2, ack=True)
    assert data == b"next" and not world.server.device(DEV_EUI).queue


def test_class_c_waits_for_a_first_uplink_and_class_a_for_its_next(make):
    for always_on in (True, False):
        world = make([110.0], always_on=always_on)
        world.device.join()
        world.server.enqueue(DEV_EUI, 10, b"early")
        world.gateways[0].poll()
        world.kernel.run(world.kernel.now + SECOND_US)
        assert world.senders() == ["g0"], "only the join accept: nobody knows yet whether the device has its session"
        (_, _, _, _, data, _), _ = world.device.send(b"x", 2)
        assert data == b"early"


def test_an_immediate_downlink_waits_behind_what_is_in_the_queue(make):
    world = make([110.0])
    gateway = world.gateways[0]
    begin = world.kernel.now + SECOND_US // 10
    assert gateway.schedule(Downlink(bytes(20), 869_525_000, 12, 125_000, 27.0, begin)) == "NONE"
    assert gateway.schedule(Downlink(bytes(20), 868_100_000, 7, 125_000, 14.0, None)) == "NONE"
    world.kernel.run(5 * SECOND_US)
    (first, long), (second, _) = [(t, f) for t, _, kind, f in world.kernel.log.events if kind == "on_air"]
    assert first == begin and second == first + long["us"] + 32_500


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "nan,0", "inf,0", "1e9,0"])
def test_a_place_that_is_none_is_one_sentence(text):
    with pytest.raises(KerbstoneError, match=r"\.$"):
        read_place(text)


def test_a_place_is_read():
    assert read_place("800,-250.5") == (800.0, -250.5)
