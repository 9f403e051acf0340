"""A LoRaWAN network server that shares no code with this project: pamoja's GatewayNetwork behind a UDP socket on loopback."""

import socket
import threading
import time

from pamoja import _native as pamoja

from kerbstone.emulator.air import ns_crypto

DOWN = "Downlink"


def link_adr(data_rate, mask, control):
    return pamoja.LorawanMacCommand(
        0x03, DOWN, data_rate=data_rate, tx_power=1, channel_mask=mask, mask_control=control, transmissions=1
    )  # fmt: skip


class PamojaServer(threading.Thread):
    """One device. `script`: for each data uplink in turn a list of MAC commands, bytes for port 10, or None for silence.
    `late_s`: real time between its receipt for an uplink and its answer; 0: the answer comes first.

    `outcomes` counts what pamoja made of the frames; `answers` are the MAC commands of the device as pamoja reads them;
    `payloads` what it decrypted; `wrong` what it refused, with its reason; `errors` what the gateway said to its downlinks.
    """

    def __init__(self, region, identity, script, late_s=0.0):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = self.socket.getsockname()
        self.network = pamoja.GatewayNetwork(pamoja.ChannelPlan.for_region(region), 0)
        self.app_key = bytes.fromhex(identity.app_key)
        self.network.register(bytes.fromhex(identity.dev_eui), bytes.fromhex(identity.join_eui), self.app_key)
        self.script = list(script)
        self.late_s = late_s
        self.outcomes, self.answers, self.payloads, self.wrong, self.errors = [], [], [], [], []
        self.pull = self.session = None

    def run(self):
        while True:
            data, sender = self.socket.recvfrom(65535)
            if not data:
                return
            packet = pamoja.gateway_parse(data)
            if packet.kind == "PullData":
                self.pull = sender
            if packet.kind == "TxAck":
                self.errors.append(packet.tx_status)
            receipt = pamoja.gateway_acknowledgment(packet)
            if receipt and self.late_s:
                self.socket.sendto(pamoja.gateway_encode(receipt), sender)
                time.sleep(self.late_s)
            for heard in packet.packets:
                self.take(heard)
            if receipt and not self.late_s:
                self.socket.sendto(pamoja.gateway_encode(receipt), sender)

    def take(self, heard):
        try:
            event = self.network.uplink(heard)
        except ValueError as error:
            self.wrong.append(str(error))
            return
        self.outcomes.append(event.outcome)
        if event.outcome == "joined":
            self.say(event.accept)
            self.remember(event.accept.payload, heard.payload)
        elif event.outcome == "data":
            self.payloads.append(event.payload)
            frame = self.session.decode(heard.payload, event.fcnt)
            self.answers += pamoja.lorawan_mac_parse("Uplink", frame.fopts)
            step = self.script.pop(0) if self.script else None
            if isinstance(step, bytes):
                self.say(self.network.answer(event.dev_addr, event.slot, 10, step))
            elif step:
                self.say(self.network.command(event.dev_addr, event.slot, step))

    def remember(self, accept, request):
        """The session, to read what the device says in FOpts: GatewayNetwork keeps that to itself."""
        body = ns_crypto.open_accept(self.app_key, bytes(accept)[1:])
        nonce, net_id, address = (int.from_bytes(body[a:b], "little") for a, b in ((0, 3), (3, 6), (6, 10)))
        keys = ns_crypto.session_keys(self.app_key, nonce, net_id, int.from_bytes(request[17:19], "little"))
        self.session = pamoja.LorawanSession(address, *keys)

    def say(self, txpk):
        packet = pamoja.GatewayPacket("PullResp", len(self.outcomes) & 0xFFFF, transmit=txpk)
        self.socket.sendto(pamoja.gateway_encode(packet), self.pull)

    def close(self):
        self.socket.sendto(b"", self.address)
        self.join()
        self.socket.close()
