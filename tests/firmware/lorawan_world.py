"""A small LoRaWAN world in virtual time for the tests: clock, board, flash and radio around one device.

Runs under CPython and under MicroPython. Import it before anything of `kerb`: it makes the firmware run under CPython.
"""

from lorawan_network import APP_KEY, DEV_EUI, JOIN_EUI, Network, crypto

# isort: split
from kerb.identity import Identity
from kerb.radio.airtime import symbol_us, time_on_air_us
from kerb.uplink.lorawan import mac
from kerb.uplink.lorawan.uplink import Uplink

IDENTITY = {"dev_eui": DEV_EUI.hex(), "join_eui": JOIN_EUI.hex(), "app_key": APP_KEY.hex()}
_WRAP = 1 << 30


class PowerCut(Exception):
    """The supply failed."""


class Dice:
    """Stands in for os.urandom: the same numbers in both interpreters."""

    def __init__(self, seed):
        self.state = seed

    def __call__(self, n):
        out = bytearray(n)
        for i in range(n):
            self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
            out[i] = self.state >> 16 & 255
        return bytes(out)


class Clock:
    """`time` of a board: ticks wrap at 2**30."""

    def __init__(self):
        self.us = _WRAP - 3_000_000  # the first exchanges cross the wrap of ticks_us

    def ticks_us(self):
        self.us += 10
        return self.us % _WRAP

    def ticks_ms(self):
        return self.us // 1000 % _WRAP

    def ticks_diff(self, a, b):
        return (a - b + _WRAP // 2) % _WRAP - _WRAP // 2

    def ticks_add(self, a, b):
        return (a + b) % _WRAP

    def sleep_ms(self, ms):
        assert ms >= 0
        self.us += ms * 1000


class Board:
    def __init__(self, clock):
        self.clock = clock
        self.idled_ms = 0

    def idle_ms(self, ms):
        self.idled_ms += ms
        self.clock.sleep_ms(ms)

    def mono(self):
        return self.clock.us // 1000000

    def battery(self):
        return 200


class Store:
    """Flash with atomic writes. `cut`: at this put (from 1) the power fails, before or after the write."""

    def __init__(self, world=None):
        self.blobs = {}
        self.puts = 0
        self.cut = None
        self.cut_after = False
        self.world = world

    def get(self, name):
        return self.blobs.get(name)

    def put(self, name, data):
        assert self.world is None or not self.world.radio.in_exchange, "flash written between an uplink and its last window"
        self.puts += 1
        cut = self.puts == self.cut
        if not cut or self.cut_after:
            self.blobs[name] = bytes(data)
        if cut:
            raise PowerCut()


class Radio:
    """The driver's interface over the virtual air; a receiver needs six of the eight preamble symbols."""

    wake_ms = 13

    def __init__(self, world):
        self.world = world
        self.in_exchange = False
        self.tuned = None
        self.sent = []
        self.listened = []
        self.looks = []
        self.busy = []  # what the next looks at a carrier find

    def configure_tx(self, hz, row, dbm):
        self.tuned = (hz, row[0], row[1], dbm)

    def clear(self, hz, row, limit_dbm, ms):
        self.world.clock.us += ms * 1000
        self.looks.append((hz, limit_dbm, ms))
        return not self.busy or self.busy.pop(0) is None

    def transmit(self, data):
        clock = self.world.clock
        hz, sf, bandwidth, dbm = self.tuned
        air_us = time_on_air_us(len(data), sf, bandwidth)
        started = clock.us
        clock.us += air_us
        self.in_exchange = True
        self.windows = 0
        self.sent.append((started, air_us, hz, sf, dbm, bytes(data)))
        self.world.network.hear(bytes(data), hz, sf, clock.us)
        return clock.us % _WRAP

    def receive(self, hz, row, symbols, timeout_ms, inverted, at_us):
        clock = self.world.clock
        wait = clock.ticks_diff(at_us, clock.us % _WRAP)
        assert inverted and wait >= 0, "the receiver was prepared too late"
        clock.us += wait
        symbol = symbol_us(row[0], row[1])
        self.listened.append((clock.us, hz, row[0]))
        self.windows += 1
        for downlink in self.world.network.on_air:
            start, down_hz, sf, data = downlink
            if down_hz == hz and sf == row[0] and clock.us <= start + 2 * symbol and clock.us + symbols * symbol >= start + 6 * symbol:
                clock.us = start + time_on_air_us(len(data), sf, row[1], 1, 8, True, False)
                return data, -80, 7, clock.us % _WRAP
        clock.us += symbols * symbol
        if self.windows == 2:
            self.in_exchange = False
        return None

    def sleep(self):
        pass


class World:
    """Everything around one device. `start()` is a power-on or a wake; state outside the device stays."""

    def __init__(self, region, seed=1, config=None):
        self.clock = Clock()
        self.board = Board(self.clock)
        self.network = Network(self)
        self.store = Store(self)
        self.radio = Radio(self)
        self.config = {"region": region}
        self.config.update(config or {})
        mac.time = self.clock
        crypto.urandom = Dice(seed)

    def start(self, identity=IDENTITY):
        self.radio.in_exchange = False
        return Uplink(self.config, Identity(identity), self.board, self.store, Quiet(self.radio))

    def pass_s(self, seconds):
        self.clock.us += seconds * 1000000


class Quiet:
    """Ends the exchange for the flash rule when the radio goes to sleep after a reception."""

    wake_ms = Radio.wake_ms

    def __init__(self, radio):
        self.radio = radio
        self.configure_tx = radio.configure_tx
        self.receive = radio.receive
        self.clear = radio.clear
        self.sleeps = 0

    def transmit(self, data):
        self.sleeps = 0
        return self.radio.transmit(data)

    def sleep(self):
        self.sleeps += 1
        if self.sleeps == 2:  # the first is the pause before RX1, the second the end
            self.radio.in_exchange = False
