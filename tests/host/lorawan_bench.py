"""As little of a LoRaWAN end device as the bench network server needs, and a bin for those that want a whole node."""

from kerbstone.emulator.air import ns_crypto as crypto
from kerbstone.emulator.air.ns_reply import Uplink

KEY = bytes(range(16))
BIN = """
[node]
board = "heltec_wifi_lora_32_v3"
app = "bins"
[parts.level]
driver = "a02yyuw"
bus = "uart.main"
rail = "vext"
period_s = 600
[parts.battery]
driver = "battery"
period_s = 3600
[app]
report_s = 600
[uplink]
kind = "lorawan"
region = "{region}"
confirm = "{confirm}"
[world]
gateway_m = {gateway_m}
"""
DEV_EUI, JOIN_EUI = "0200000000000001", "02000000000000ee"


class MiniDevice:
    """As little of an end device as the server needs; crypto as proven above."""

    def __init__(self, core, key=KEY):
        self.core, self.key = core, key
        self.nonce, self.fcnt, self.t_us = 0, 0, 0
        self.snr, self.dr = 5.0, 0

    def up(self, phy):
        self.t_us += 60_000_000
        return self.core.uplink(Uplink(b"g" * 8, phy, self.t_us % (1 << 32), self.t_us, 868_100_000, self.dr, -100.0, self.snr))

    def join_request(self):
        head = b"\0" + bytes.fromhex(JOIN_EUI)[::-1] + bytes.fromhex(DEV_EUI)[::-1] + self.nonce.to_bytes(2, "little")
        return head + crypto.mic(self.key, head)

    def join(self):
        reply = self.up(self.join_request())
        if reply is None:
            return None
        phy = reply.build(reply.slots[0])
        reply.sent()
        body = crypto.open_accept(self.key, phy[1:])
        assert crypto.mic(self.key, phy[:1] + body[:-4]) == body[-4:]
        self.join_nonce, self.addr = int.from_bytes(body[:3], "little"), int.from_bytes(body[6:10], "little")
        self.nwk, self.app = crypto.session_keys(self.key, self.join_nonce, int.from_bytes(body[3:6], "little"), self.nonce)
        self.settings, self.cf_list = body[10], body[12:28]
        self.nonce, self.fcnt = self.nonce + 1, 0
        return reply

    def frame(self, data=b"", port=None, confirmed=False, fopts=b"", ack=False, adr=False, adr_ack_req=False, fcnt=None):
        fcnt = self.fcnt if fcnt is None else fcnt
        control = adr << 7 | adr_ack_req << 6 | ack << 5 | len(fopts)
        head = bytes([0x80 if confirmed else 0x40]) + self.addr.to_bytes(4, "little") + bytes([control])
        head += (fcnt & 0xFFFF).to_bytes(2, "little") + fopts
        if port is not None:
            head += bytes([port]) + crypto.crypt(self.app if port else self.nwk, 0, self.addr, fcnt, data)
        return head + crypto.data_mic(self.nwk, 0, self.addr, fcnt, head)

    def send(self, *args, **kwargs):
        phy = self.frame(*args, **kwargs)
        self.fcnt += 1
        return self.up(phy)

    def read(self, reply, slot=0, sent=True):
        """(fcnt, control, fopts, port, data, confirmed) of the downlink."""
        phy = reply.build(reply.slots[slot])
        if sent:
            reply.sent()
        fcnt, control = int.from_bytes(phy[6:8], "little"), phy[5]
        assert crypto.data_mic(self.nwk, 1, self.addr, fcnt, phy[:-4]) == phy[-4:]
        at = 8 + (control & 15)
        port = phy[at] if at < len(phy) - 4 else None
        data = crypto.crypt(self.app if port else self.nwk, 1, self.addr, fcnt, phy[at + 1 : -4])
        return fcnt, control, phy[8:at], port, data, phy[0] == 0xA0
