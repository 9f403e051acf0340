"""A class C device in the world of lorawan_world: its radio also listens without end, and the network speaks whenever it likes."""

from lorawan_network import APP_KEY, Aes, cmac
from lorawan_world import IDENTITY, Quiet, World

# isort: split
from kerb.identity import Identity
from kerb.radio.airtime import time_on_air_us
from kerb.uplink.lorawan import class_c
from kerb.uplink.lorawan.extra import Uplink

GEN_APP_KEY = bytes(range(32, 48))
SECRETS = dict(IDENTITY)
SECRETS["gen_app_key"] = GEN_APP_KEY.hex()
_GPS_EPOCH = 315964800
_WRAP = 1 << 30


class Instant:
    def __init__(self, mono, utc):
        self.mono, self.utc = mono, utc


class Wall:
    """The node's clock: `error_s` ahead of the true time, None while it was never set."""

    def __init__(self, world, start_utc, error_s=0):
        self.world, self.start_utc, self.error_s = world, start_utc, error_s

    def true_gps(self):
        return self.start_utc + self.world.board.mono() - _GPS_EPOCH + 18

    def now(self):
        mono = self.world.board.mono()
        return Instant(mono, None if self.error_s is None else self.start_utc + mono + self.error_s)


class Ear(Quiet):
    """The radio of lorawan_world with the two calls of a driver's module for continuous reception."""

    def __init__(self, world):
        super().__init__(world.radio)
        del self.configure_tx, self.receive  # those below
        self.world = world
        self.tuned = None  # (Hz, SF, since us) while it listens
        self.waves = []
        self.last_window = 0

    def configure_tx(self, *arguments):
        self.tuned = None
        self.radio.configure_tx(*arguments)

    def receive(self, *arguments):
        self.tuned = None
        packet = self.radio.receive(*arguments)
        if packet:
            self.last_window = 0  # an answer ends the exchange
        return packet

    def sleep(self):
        self.tuned = None
        super().sleep()

    def carrier(self, radio, hz, row, dbm, ms):
        self.waves.append((hz, dbm, ms))
        self.world.clock.us += ms * 1000

    def transmit(self, data):
        done = super().transmit(data)
        self.last_window = self.world.clock.us + (self.world.network.delay_s + 1) * 1_000_000
        return done

    def listen(self, radio, hz, row):
        if self.world.clock.us > self.last_window:
            self.world.radio.in_exchange = False  # flash may be written again
        self.tuned = (hz, row[0], self.world.clock.us)

    def heard(self, radio):
        """A packet whose end has passed and whose start the ear was open for."""
        for packet in self.world.spoken:
            start, hz, sf, data = packet
            end = start + time_on_air_us(len(data), sf, 125000, 1, 8, True, False)
            if self.tuned and (hz, sf) == self.tuned[:2] and self.tuned[2] <= start and end <= self.world.clock.us:
                self.world.spoken.remove(packet)
                return data, -90, 5, end % _WRAP
        return None


class ClassC(World):
    """`speak(phy)` puts a frame on the air on RX2's parameters, or others, `wait_us` from now."""

    def __init__(self, region, seed=1, config=None, start_utc=1_790_000_000):
        given = {"class": "C"}
        given.update(config or {})
        super().__init__(region, seed, given)
        class_c.time = self.clock
        self.spoken = []
        self.wall = Wall(self, start_utc)
        self.network.rx2 = (region["rx2"][0], region["data_rates"][region["rx2"][1]][0])
        self.network.settings = region["rx2"][1]

    def start(self, identity=SECRETS):
        self.radio.in_exchange = False
        self.ear = Ear(self)
        device = Uplink(self.config, Identity(identity), self.board, self.store, self.ear)
        device.clock = self.wall
        return device

    def speak(self, phy, hz=None, sf=None, wait_us=50_000):
        self.spoken.append((self.clock.us + wait_us, hz or self.network.rx2[0], sf or self.network.rx2[1], bytes(phy)))


class Group:
    """The server's side of a multicast group: keys by TS005, frames of its own layout."""

    def __init__(self, network, address=0x26AA0001):
        self.network, self.address, self.count = network, address, 0
        self.key = bytes(range(64, 80))
        tail = address.to_bytes(4, "little") + bytes(11)
        self.keys = [Aes(self.key, 1).encrypt(bytes((kind,)) + tail) for kind in (2, 1)]

    def set_up(self, number=1, last=1000):
        """McGroupSetupReq: the key travels under McKEKey, made with AES decryption."""
        root = Aes(GEN_APP_KEY, 1).encrypt(bytes(16))
        ke = Aes(root, 1).encrypt(bytes(16))
        body = self.address.to_bytes(4, "little") + Aes(ke, 1).decrypt(self.key)
        return bytes((2, number)) + body + self.count.to_bytes(4, "little") + last.to_bytes(4, "little")

    def frame(self, port, payload, kind=0x60, fopts=b""):
        network = self.network
        own = network.address, network.keys, network.down
        network.address, network.keys, network.down = self.address, self.keys, self.count
        phy = network.downlink({"port": port, "payload": payload, "fopts": fopts, "confirmed": kind == 0xA0})
        self.count = network.down
        network.address, network.keys, network.down = own
        return phy


def say(world, device, port, payload):
    """A unicast message, and the device's answers to it."""
    world.speak(world.network.downlink({"port": port, "payload": payload}))
    device.wait(10_000)
    assert device.receive() is None
    device.tend()


def answers(world, port):
    """What the device has said on a port."""
    return [frame["payload"] for frame in world.network.received if frame["port"] == port]


__all__ = ["APP_KEY", "SECRETS", "ClassC", "Ear", "Group", "answers", "cmac", "say"]
