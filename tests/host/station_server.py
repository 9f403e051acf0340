"""A LoRaWAN network server that speaks Basics Station on loopback: messages and MAC are pamoja's, so no code is shared with ours."""

import json
import struct
import threading
import time

from pamoja import _native as pamoja
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

RATES = [*((sf, 125) for sf in range(12, 6, -1)), (7, 250)]
DOWN = "Downlink"


def radio_config(channels_hz=(868_100_000, 868_300_000, 868_500_000, 867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000)):
    """`sx1301_conf` with two radios, as the protocol document's example has it."""
    radios = {"radio_0": {"enable": True, "freq": 867_500_000}, "radio_1": {"enable": True, "freq": 868_500_000}}
    rows = {}
    for i, hz in enumerate(channels_hz):
        radio = int(hz >= 868_000_000)
        rows[f"chan_multiSF_{i}"] = {"enable": True, "radio": radio, "if": hz - radios[f"radio_{radio}"]["freq"]}
    return [radios | rows | {"chan_FSK": {"enable": False}, "chan_multiSF_99": {"enable": False, "radio": 0, "if": 1}}]


def frame_of(m):
    """PHYPayload of a `jreq` or `updf`."""
    if m["msgtype"] == "jreq":
        head = bytes([m["MHdr"]]) + bytes.fromhex(m["JoinEui"].replace("-", ""))[::-1] + bytes.fromhex(m["DevEui"].replace("-", ""))[::-1]
        return head + struct.pack("<Hi", m["DevNonce"], m["MIC"])
    head = struct.pack("<BiBH", m["MHdr"], m["DevAddr"], m["FCtrl"], m["FCnt"]) + bytes.fromhex(m["FOpts"])
    port = b"" if m["FPort"] < 0 else bytes([m["FPort"]]) + bytes.fromhex(m["FRMPayload"])
    return head + port + struct.pack("<i", m["MIC"])


def dnmsg(class_, xtime, **more):
    fields = {"dev_eui": "0101010101010101", "diid": 7, "payload": bytes(20), "priority": 0, "rctx": 0, "xtime": xtime} | more
    return pamoja.station_encode(pamoja.GatewayStationMessage("dnmsg", class_="ABC".index(class_), **fields))


def window(dr, hz):
    return pamoja.GatewayStationWindow(dr, hz)


class StationServer:
    """`script`: for each data uplink in turn bytes for port 10, or None. `config`: changes to router_config. `refuse`: a reason.

    `texts` are the messages of the station as they came; `outcomes` and `payloads` what pamoja made of its uplinks.
    """

    def __init__(self, identity=None, script=(), config=None, refuse=""):
        self.script, self.config, self.refuse = list(script), config or {}, refuse
        self.texts, self.outcomes, self.payloads, self.wrong, self.headers, self.asked = [], [], [], [], [], []
        self.network = pamoja.GatewayNetwork(pamoja.ChannelPlan.for_region("EU868"), 0)
        if identity:
            self.network.register(bytes.fromhex(identity.dev_eui), bytes.fromhex(identity.join_eui), bytes.fromhex(identity.app_key))
        self.sessions, self.diid, self.ready = [], 0, threading.Event()
        self.server = serve(self._serve, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self.server.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def of(self, kind):
        return [m for m in map(json.loads, self.texts) if m["msgtype"] == kind]

    def waits_for(self, kind, count=1):
        """True once so many messages of a kind came, within ten seconds."""
        deadline = time.monotonic() + 10
        while len(self.of(kind)) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(self.of(kind)) >= count

    def _serve(self, socket):
        self.headers.append(socket.request.headers.get("Authorization"))
        try:
            if socket.request.path == "/router-info":
                router = pamoja.station_discovery_parse(socket.recv())
                self.asked.append(router)
                if self.refuse:
                    socket.send(pamoja.station_router_refused(router, self.refuse))
                else:
                    socket.send(pamoja.station_router_accepted(router, "0000000000000001", self.url + "/session"))
                return
            self.sessions.append(socket)
            for text in socket:
                self.texts.append(text)
                self._take(socket, pamoja.station_parse(text), json.loads(text))
        except ConnectionClosed:
            pass

    def _take(self, socket, message, plain):
        if message.msgtype == "version":
            self._configure(socket)
        elif message.msgtype in ("jreq", "updf"):
            self._uplink(socket, message, plain)

    def _configure(self, socket):
        rows = [pamoja.GatewayStationDataRate(sf, khz * 1000) for sf, khz in RATES]
        text = pamoja.station_encode(pamoja.GatewayStationMessage(
            "router_config", net_id=[0], join_eui_ranges=[], region="EU863", hwspec="sx1301/1", freq_min=863_000_000,
            freq_max=870_000_000, data_rates=rows,
        ))  # fmt: skip
        socket.send(json.dumps(json.loads(text) | {"sx1301_conf": radio_config()} | self.config))
        self.ready.set()

    def _uplink(self, socket, message, plain):
        sf, khz = RATES[message.data_rate]
        count = pamoja.station_xtime_parts(message.levels.xtime)
        heard = pamoja.GatewayRxpk(
            message.frequency_hz, frame_of(plain), link=pamoja.LoraLink(sf, khz * 1000), crc="Ok", rssi_dbm=message.levels.rssi,
            snr_db=message.levels.snr, timestamp_us=count.micros & 0xFFFFFFFF,
        )  # fmt: skip
        try:
            event = self.network.uplink(heard)
        except (ValueError, pamoja.PamojaError) as error:
            self.wrong.append(str(error))
            return
        self.outcomes.append(event.outcome)
        if event.outcome == "joined":
            self.answer(socket, message, event.accept, event.accept.timestamp_us - heard.timestamp_us)
        elif event.outcome == "data":
            self.payloads.append(event.payload)
            step = self.script.pop(0) if self.script else None
            if step:
                self.answer(socket, message, self.network.answer(event.dev_addr, event.slot, 10, step), 1_000_000)

    def answer(self, socket, message, txpk, delay_us):
        """A class A downlink in RX1, with pamoja's RX2 for a spare."""
        self.diid += 1
        socket.send(pamoja.station_encode(pamoja.GatewayStationMessage(
            "dnmsg", dev_eui=message.dev_eui or "0101010101010101", class_=0, diid=self.diid, payload=txpk.payload,
            rx_delay=round(delay_us / 1e6), rx1=pamoja.GatewayStationWindow(message.data_rate, message.frequency_hz),
            rx2=pamoja.GatewayStationWindow(0, 869_525_000), priority=0, xtime=message.levels.xtime, rctx=message.levels.rctx,
        )))  # fmt: skip

    def say(self, text):
        """To the latest session."""
        self.sessions[-1].send(text)

    def close(self):
        for socket in self.sessions:
            socket.close()
        self.server.shutdown()
        self.thread.join(5)
