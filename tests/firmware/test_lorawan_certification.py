"""The certification protocol, as a laboratory runs it: TS009-1.0.0, what applies to classes A and C, in one sitting and piece by piece."""

from itertools import pairwise

import pytest
from lorawan_ear import ClassC

from kerbstone.build.regions import region_table

TABLE = region_table("EU868")


class Lab:
    """The test tool: it commands in answers to uplinks, and reads what comes back."""

    def __init__(self, **config):
        self.world = ClassC(TABLE, config={"class": "A", "packages": ["certification"], **config})
        self.resets = 0
        self.boot()

    def boot(self):
        self.device = self.world.start()
        self.device.restart = self._restart
        assert self.device.connect()

    def _restart(self):
        self.resets += 1

    @property
    def mac(self):
        return self.device.mac

    def command(self, payload, port=224):
        """One command in the answer to an uplink; what the device says next by itself."""
        network = self.world.network
        network.queue.append({"port": port, "payload": payload})
        assert self.device.send(b"t", 1, False)
        before = len(network.received)
        assert self.device.receive() is None
        self.device.tend()
        return [frame for frame in network.received[before:]]

    def answer(self, payload):
        frames = self.command(payload)
        return frames[-1]["payload"] if frames and frames[-1]["port"] == 224 else None


@pytest.fixture
def lab():
    return Lab()


def test_a_whole_sitting(lab):
    """The order a certification tool uses: identity, counters, echo, frame types, rate, MAC requests, class, join, reset, closing."""
    world = lab.world
    assert lab.answer(b"\x00") == b"\x00\x06\x01"
    assert lab.answer(b"\x7f") == b"\x7f\x00\x01\x00\x00\x01\x00\x04\x00\x02\x01\x00\x03"
    assert lab.answer(b"\x0a") is None
    assert lab.answer(b"\x09") == b"\x09\x01\x00", "the request itself counts"
    assert lab.answer(b"\x08\x00\x7f\xff") == b"\x08\x01\x80\x00"
    lab.command(b"\x07\x02")
    lab.device.send(b"c", 1, False)
    assert world.radio.sent[-1][5][0] == 0x80, "confirmed from now on, whatever the application wants"
    lab.command(b"\x07\x01")
    lab.device.send(b"u", 1, True)
    assert world.radio.sent[-1][5][0] == 0x40
    lab.command(b"\x04\x00")
    assert not world.network.received[-1]["control"] & 0x80 or not lab.mac.link.adr
    lab.device.send(b"x", 1, False)
    assert not world.network.received[-1]["control"] & 0x80
    lab.command(b"\x04\x01")
    lab.device.send(b"x", 1, False)
    assert world.network.received[-1]["control"] & 0x80
    assert lab.command(b"\x20")[-1]["fopts"] == b"\x02" and lab.command(b"\x21")[-1]["fopts"] == b"\x0d"
    lab.command(b"\x03\x02")
    assert world.ear.tuned[:2] == (869_525_000, 12)
    lab.command(b"\x03\x00")
    assert world.ear.tuned is None
    joins = world.network.joins
    lab.command(b"\x02")
    assert world.network.joins == joins + 1 and lab.mac.session.joined
    lab.command(b"\x01")
    assert lab.resets == 1
    lab.command(b"\x7e")
    assert lab.resets == 2
    lab.boot()
    assert lab.answer(b"\x00") is None, "closed for good"


def test_the_periodic_uplinks_come_when_they_should_and_end(lab):
    world = lab.world
    lab.command(b"\x05\x00")
    lab.command(b"\x06\x02")
    starts = []
    for _ in range(12):
        wait = lab.device.due_ms()
        world.clock.us += wait * 1000
        lab.device.tend()
        starts.append(world.radio.sent[-1][0])
    gaps = [(b - a) / 1e6 for a, b in pairwise(starts)]
    assert all(8 <= gap <= 12 for gap in gaps), gaps
    lab.command(b"\x06\x00")
    assert lab.device.due_ms() is None
    lab.command(b"\x06\x0b")
    assert lab.device.due_ms() is None, "there is no such period"


def test_the_duty_cycle_is_the_regions_until_the_laboratory_lifts_it_and_again_after(lab):
    world = lab.world
    lab.mac.link.adr = False

    def until_refused():
        lab.mac.session.dr = 0
        for number in range(60):
            if lab.device.send(bytes(40), 1, False) is None:
                return number
        return 60

    assert until_refused() < 20
    world.pass_s(3600)
    lab.command(b"\x05\x00")
    assert until_refused() == 60
    world.pass_s(3600)
    lab.command(b"\x05\x01")
    assert until_refused() < 20


def test_an_echo_is_cut_to_what_a_frame_may_carry(lab):
    lab.mac.session.dr = 0
    lab.mac.link.adr = False
    world = lab.world
    lab.device.unlimited = True
    world.network.queue.append({"port": 224, "payload": b"\x08" + bytes(200)})
    lab.device.send(b"x", 1, False)
    lab.device.receive()
    lab.device.tend()
    assert world.network.received[-1]["payload"] == b"\x08" + b"\x01" * 50


def test_a_bare_carrier_is_sent_as_asked(lab):
    lab.command(b"\x7d\x05\x00" + (8681000).to_bytes(3, "little") + b"\x0e")
    assert lab.world.ear.waves == [(868_100_000, 14, 5000)]


@pytest.mark.parametrize("payload", [b"\x22\x03", b"\x40", b"\x44", b"\x52", b"\xff", b"\x03", b"\x03\x01", b"\x06", b"", b"\x7d\x01"])
def test_what_is_of_class_b_unknown_or_cut_short_is_left_unanswered(lab, payload):
    before = lab.mac.session.pack()
    assert lab.command(payload) == []
    assert len(before) == len(lab.mac.session.pack()) and lab.resets == 0 and not lab.mac.asks


def test_a_node_of_the_street_knows_nothing_of_port_224():
    lab = Lab(packages=["clock"])
    for payload in (b"\x00", b"\x01", b"\x02", b"\x7e", b"\x05\x00"):
        lab.world.network.queue.append({"port": 224, "payload": payload})
        lab.device.send(b"x", 1, False)
        assert lab.device.receive() == (224, payload), "a message like any other, which no application takes"
        lab.device.tend()
    assert lab.resets == 0 and lab.world.network.joins == 1 and not lab.device.unlimited
    assert all(frame["port"] == 2 for frame in lab.world.network.received)
