"""A network server for one device, for the tests.

It shares no code with the firmware: it has its own frame layout and, under CPython, the `cryptography` package for AES and CMAC
(which it also lends to the firmware, as `cryptolib` does not exist there).
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

APP_KEY = bytes(range(1, 17))
DEV_EUI = bytes.fromhex("70b3d57ed0000001")
JOIN_EUI = bytes.fromhex("0102030405060708")


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
        self.settings = 0  # DR of RX2 in the join accept
        self.rx2 = (869525000, 12)
        self.cf_list = b""
        self.always_ack = True

    def hear(self, phy, hz, sf, end_us):
        self.on_air = []
        if phy[0] == 0:
            self._join(phy, hz, sf, end_us)
        else:
            self._data(phy, hz, sf, end_us)

    def resigned(self, phy):
        """A join request of a device with another key as this network would believe it."""
        return phy[:19] + cmac(APP_KEY, phy[:19])[:4]

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
        body += bytes((self.offset << 4 | self.settings, self.delay_s)) + self.cf_list
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
