"""A small LoRaWAN world in virtual time for the tests: clock, board, flash, radio, and a network server.

Runs under CPython and under MicroPython. The server shares no code with the firmware: it has its own frame layout and, under
CPython, the `cryptography` package for AES and CMAC.
"""

import struct
import sys

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.cmac import CMAC

    class _Micropython:
        const = staticmethod(lambda value: value)

    sys.modules.setdefault("micropython", _Micropython)

    class Aes:
        """The shape of cryptolib.aes, ECB only."""

        def __init__(self, key, mode):
            assert mode == 1
            self.cipher = Cipher(algorithms.AES(bytes(key)), modes.ECB())

        def encrypt(self, data):
            return self.cipher.encryptor().update(bytes(data))

        def decrypt(self, data):
            return self.cipher.decryptor().update(bytes(data))

    def cmac(key, message):
        mac = CMAC(algorithms.AES(bytes(key)))
        mac.update(bytes(message))
        return mac.finalize()

    from kerb.uplink.lorawan import crypto

    crypto.aes = Aes
except ImportError:
    from cryptolib import aes as Aes
    from kerb.uplink.lorawan import crypto

    cmac = crypto.cmac

from kerb.radio.airtime import symbol_us, time_on_air_us
from kerb.uplink.lorawan import exchange
from kerb.uplink.lorawan.uplink import Uplink

APP_KEY = bytes(range(1, 17))
DEV_EUI = bytes.fromhex("70b3d57ed0000001")
JOIN_EUI = bytes.fromhex("0102030405060708")
IDENTITY = {"dev_eui": DEV_EUI, "join_eui": JOIN_EUI, "app_key": APP_KEY}
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

    def configure_tx(self, hz, row, dbm):
        self.tuned = (hz, row[0], row[1], dbm)

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
        exchange.time = self.clock
        crypto.urandom = Dice(seed)

    def start(self):
        self.radio.in_exchange = False
        return Uplink(self.config, IDENTITY, self.board, self.store, Quiet(self.radio))

    def pass_s(self, seconds):
        self.clock.us += seconds * 1000000


class Quiet:
    """Ends the exchange for the flash rule when the radio goes to sleep after a reception."""

    wake_ms = Radio.wake_ms

    def __init__(self, radio):
        self.radio = radio
        self.configure_tx = radio.configure_tx
        self.receive = radio.receive
        self.sleeps = 0

    def transmit(self, data):
        self.sleeps = 0
        return self.radio.transmit(data)

    def sleep(self):
        self.sleeps += 1
        if self.sleeps == 2:  # the first is the pause before RX1, the second the end
            self.radio.in_exchange = False


class Network:
    """A network server for one device.

    `plan(kind, number)` decides the fate of uplink `number` ("join" or "data"): "rx1", "rx2", or None when it is not heard or its
    downlink lost. `queue` holds downlinks to send: dicts of port, payload, fopts, confirmed, fields all optional.
    `wrongs` collects what must never happen: reused nonces, a counter used for two different frames, bad MICs.
    """

    def __init__(self, world):
        self.world = world
        self.plan = lambda kind, number: "rx1"
        self.hears = lambda kind, number: True
        self.error_us = 0
        self.queue = []
        self.on_air = []
        self.wrongs = []
        self.nonces = set()
        self.join_nonce = 0
        self.joins = self.frames = 0
        self.counters = {}
        self.received = []
        self.keys = None
        self.address = 0x26010000
        self.down = 0
        self.delay_s = 1
        self.offset = 0
        self.rx2 = (869525000, 12)
        self.cf_list = b""
        self.always_ack = True

    def hear(self, phy, hz, sf, end_us):
        self.on_air = []
        if phy[0] == 0:
            self._join(phy, hz, sf, end_us)
        else:
            self._data(phy, hz, sf, end_us)

    def _say(self, window, delay_s, phy, hz, sf, end_us):
        if window == "rx1":
            self.on_air = [(end_us + delay_s * 1000000 + self.error_us, hz, sf, phy)]
        elif window == "rx2":
            self.on_air = [(end_us + (delay_s + 1) * 1000000 + self.error_us, self.rx2[0], self.rx2[1], phy)]

    def _join(self, phy, hz, sf, end_us):
        nonce = struct.unpack("<H", phy[17:19])[0]
        if cmac(APP_KEY, phy[:19])[:4] != phy[19:]:
            self.wrongs.append("join MIC")
        if nonce in self.nonces:
            self.wrongs.append(f"DevNonce {nonce} again")
        self.nonces.add(nonce)
        self.joins += 1
        if not self.hears("join", self.joins):
            return
        self.join_nonce += 1
        self.address += 1
        head = b"\x20"
        body = struct.pack("<I", self.join_nonce)[:3] + b"\x13\0\0" + struct.pack("<I", self.address)
        body += bytes((self.offset << 4, self.delay_s)) + self.cf_list
        clear = body + cmac(APP_KEY, head + body)[:4]
        cipher = Aes(APP_KEY, 1)
        secret = b""
        for i in range(0, len(clear), 16):
            secret += cipher.decrypt(clear[i : i + 16])
        seed = body[:6] + phy[17:19] + bytes(7)
        self.keys = tuple([Aes(APP_KEY, 1).encrypt(bytes((kind,)) + seed) for kind in (1, 2)])
        self.down = 0
        self.counters = {}
        self._say(self.plan("join", self.joins), 5, head + secret, hz, sf, end_us)

    def _stream(self, key, direction, fcnt, data):
        out = bytearray()
        for i in range(0, len(data), 16):
            block = b"\x01\0\0\0\0" + bytes((direction,)) + struct.pack("<II", self.address, fcnt) + bytes((0, i // 16 + 1))
            pad = Aes(key, 1).encrypt(block)
            for j, value in enumerate(data[i : i + 16]):
                out.append(value ^ pad[j])
        return bytes(out)

    def _mic(self, direction, fcnt, message):
        first = b"\x49\0\0\0\0" + bytes((direction,)) + struct.pack("<II", self.address, fcnt) + bytes((0, len(message)))
        return cmac(self.keys[0], first + message)[:4]

    def _data(self, phy, hz, sf, end_us):
        address, control, fcnt = struct.unpack("<IBH", phy[1:8])
        if address != self.address or self._mic(0, fcnt, phy[:-4]) != phy[-4:]:
            self.wrongs.append("uplink of no known session")
            return
        if self.counters.setdefault(fcnt, phy) != phy:
            self.wrongs.append(f"counter {fcnt} used for two frames")
        self.frames += 1
        if not self.hears("data", self.frames):
            return
        end = 8 + (control & 15)
        port, payload = None, b""
        if end < len(phy) - 4:
            port = phy[end]
            payload = self._stream(self.keys[1 if port else 0], 0, fcnt, phy[end + 1 : -4])
        self.received.append({"control": control, "fcnt": fcnt, "fopts": phy[8:end], "port": port, "payload": payload, "sf": sf, "hz": hz})
        confirmed = phy[0] == 0x80
        if self.queue or (confirmed and self.always_ack):
            down = self.queue.pop(0) if self.queue else {}
            self._say(self.plan("data", self.frames), self.delay_s, self.downlink(down, confirmed), hz, sf, end_us)

    def downlink(self, down, ack=False):
        """The PHYPayload of one downlink; advances the counter."""
        fopts = down.get("fopts", b"")
        control = (0x20 if ack else 0) | down.get("control", 0) | len(fopts)
        phy = bytes((0xA0 if down.get("confirmed") else 0x60,)) + struct.pack("<IBH", self.address, control, self.down & 0xFFFF) + fopts
        if "port" in down:
            phy += bytes((down["port"],)) + self._stream(self.keys[1 if down["port"] else 0], 1, self.down, down.get("payload", b""))
        phy += self._mic(1, self.down, phy)
        self.down += 1
        return phy
