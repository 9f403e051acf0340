"""Receive windows under a clock that is wrong: found on the first join, centred from then on, narrow again."""

import pytest
from lorawan_world import Clock, Quiet, World

# isort: split
from kerb.radio.airtime import time_on_air_us
from kerb.uplink.lorawan import mac
from kerbstone.build.regions import region_table

TABLE = region_table("EU868")


class Slow(Clock):
    """Ticks of a crystal that runs fast by `ppm` millionths (slow below 0), beside the true time `us`."""

    def __init__(self, ppm):
        super().__init__()
        self.ppm = ppm
        self.start = self.us

    def _own(self):
        return self.us + (self.us - self.start) * self.ppm // 1_000_000

    def ticks_us(self):
        self.us += 10
        return self._own() % (1 << 30)

    def ticks_ms(self):
        return self._own() // 1000 % (1 << 30)

    def sleep_ms(self, ms):
        self.us += int(ms * 1_000_000_000 // (1_000_000 + self.ppm))


class OwnTicks(Quiet):
    """The radio of lorawan_world on the board's own ticks."""

    def __init__(self, world):
        super().__init__(world.radio)
        del self.receive  # the one below
        self.world = world
        self.opened = []
        self.crc = False  # the server's frames carry a CRC and last the longer for it

    def transmit(self, data):
        super().transmit(data)
        return self.world.clock.ticks_us()

    def receive(self, hz, row, symbols, timeout_ms, inverted, at_us):
        clock = self.world.clock
        wait = clock.ticks_diff(at_us, clock.ticks_us())
        clock.us += int(wait * 1_000_000 // (1_000_000 + clock.ppm))
        self.opened.append((clock.us, symbols))
        packet = self.radio.receive(hz, row, symbols, timeout_ms, inverted, clock.us % (1 << 30))
        if not packet:
            return None
        short, long = (time_on_air_us(len(packet[0]), row[0], row[1], 1, 8, True, crc) for crc in (False, True))
        return (*packet[:3], (clock._own() + (long - short if self.crc else 0)) % (1 << 30))


def device_with(ppm, **config):
    world = World(TABLE, config={"join_attempts": 8, **config})
    world.clock = world.board.clock = mac.time = Slow(ppm)
    device = world.start()
    device._exchange.radio = radio = OwnTicks(world)
    return world, device, radio


@pytest.mark.parametrize("ppm", [-20_000, -5000, -300, 0, 300, 5000, 20_000])
def test_a_wrong_clock_joins_learns_and_hears_windows_fifteen_seconds_later(ppm):
    world, device, _ = device_with(ppm)
    assert device.connect()
    session = device._mac.session
    assert abs(session.slip - ppm) <= 220, "1 ms of 5 s is the least that counts"
    world.network.delay_s = session.rx_delay = 15
    for window in ("rx1", "rx2", "rx1"):
        world.network.plan = lambda kind, number, window=window: window
        assert device.send(b"x", 0, True).acknowledged
    assert abs(session.slip - ppm) <= 100 and session.doubt == 0


def test_the_first_windows_are_as_narrow_as_ever_and_only_silence_widens_them():
    world, device, radio = device_with(0)
    world.network.hears = lambda kind, number: False
    device.connect()
    symbols = [count for _, count in radio.opened[::2]]
    assert symbols[0] == mac.window(7, 125_000, 10_000)[0]
    assert symbols[1] == mac.window(8, 125_000, 20_000)[0] and symbols[4] == mac.window(11, 125_000, 160_000)[0]
    assert max(count for _, count in radio.opened) <= 248


def test_a_clock_learnt_survives_deep_sleep_and_follows_the_temperature():
    world, device, radio = device_with(5000)
    assert device.connect()
    record = device.pack()
    again = world.start()
    again._exchange.radio = radio
    assert again.unpack(record) and again._mac.session.slip == device._mac.session.slip
    for ppm in range(5000, -5001, -500):
        clock = world.clock
        clock.start, clock.ppm = clock.start, clock.ppm  # the ticks must not jump when the rate changes
        jump = clock._own()
        clock.ppm = ppm
        clock.start = clock.us - (jump - clock.us) * 1_000_000 // ppm if ppm else clock.us
        assert again.send(b"x", 0, True).acknowledged, ppm


def test_without_the_measured_clock_the_long_window_is_missed():
    """What the measurement is worth: the same crystal, its slip forgotten."""
    world, device, _ = device_with(5000)
    assert device.connect()
    session = device._mac.session
    world.network.delay_s = session.rx_delay = 15
    session.slip = 0
    assert not device.send(b"x", 0, True).acknowledged


def test_the_checksum_some_servers_add_is_not_taken_for_a_slow_clock():
    world, device, radio = device_with(0)
    assert device.connect()
    session = device._mac.session
    radio.crc = True
    for dr in range(5, -1, -1):
        session.dr = dr
        assert device.send(b"x", 0, True).acknowledged
        world.pass_s(600)
    assert abs(session.slip) < 5500, "5 ms of a second, a block of five symbols at SF7, is within the first window's doubt"
    session.dr, radio.crc = 5, False
    assert device.send(b"x", 0, True).acknowledged and session.doubt == 0
