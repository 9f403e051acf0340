"""A gateway's backhaul over Basics Station: JSON messages in a WebSocket, to a network server that speaks the LNS protocol.

Source: "The LNS Protocol" of the Basics Station documentation (doc.sm.tc/station/tcproto.html, protocol version 2) and its s2e.c. Class A
and class C downlinks are sent, beacons and multicast schedules are not. What the server configures is obeyed: channels, data rates,
filters of JoinEUI and NetID.
"""

from __future__ import annotations

import json
import time
from typing import Any

from websockets.exceptions import InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect

from kerbstone import __version__
from kerbstone.emulator.air.gateway import Downlink, Gateway, Heard
from kerbstone.emulator.air.patience import Patience
from kerbstone.emulator.net import station
from kerbstone.errors import KerbstoneError

_PROTOCOL = 2
_PATIENCE_S = 5.0  # real time for a connection, and for each answer while it is set up
_SESSION = 1 << 48  # of a station's run: xtime carries it above 48 bits of microseconds, and a server hands it back
_COUNT = _SESSION - 1
_RX2_AFTER_US = 1_000_000
_NWK_ID_SHIFT = 25  # the station compares the seven highest bits of a DevAddr with the lowest of a NetID (s2e.c)
_CLASS_C = station.CLASS_CODES["C"]
_BROKEN = (OSError, WebSocketException, ValueError)  # JSON and the codec raise ValueErrors


class BasicsStation:
    """`url`: ws:// or wss:// of the server, without a path. `token`: what goes into the Authorization header, if the server wants one.

    `start` raises KerbstoneError when the server cannot be reached or refuses the gateway; a connection that breaks later is made
    again at the next uplink.
    """

    def __init__(self, url: str, patience: Patience, token: str = ""):
        self._url, self._patience = url.rstrip("/"), patience
        self._headers = {"Authorization": token} if token else {}
        self._socket: ClientConnection | None = None
        self._nets: set[int] | None = None  # whose data frames are forwarded; None: every network's
        self._join_euis: list[tuple[int, int]] = []  # whose joins are forwarded; empty: all
        self._rates: list[tuple[int, int, bool]] = []  # SF, Hz, downlink only; by DR
        self._sent: list[tuple[Downlink, dict[str, Any]]] = []  # in the gateway's queue, with what asked for them

    def start(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._patience.add(self._answered)
        try:
            self._connect()
        except _BROKEN as error:
            raise KerbstoneError(f"The network server at {self._url} does not take the gateway: {_sentence(error)}") from None

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    # -- setting up --------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        where = self._discover()
        self._socket = self._open(where)
        self._socket.send(json.dumps({
            "msgtype": "version", "station": f"kerbstone {__version__}", "firmware": None, "package": None, "model": "emulated",
            "protocol": _PROTOCOL, "features": "",
        }))  # fmt: skip
        deadline = time.monotonic() + _PATIENCE_S
        while (left := deadline - time.monotonic()) > 0:
            message = self._read(left)
            if message.get("msgtype") == "router_config":
                self._configure(message)
                return
        raise ValueError("it sends no router_config")

    def _open(self, url: str) -> ClientConnection:
        # No proxy of the machine: the server may be on loopback, and a gateway has none.
        return connect(url, additional_headers=self._headers, open_timeout=_PATIENCE_S, close_timeout=1.0, proxy=None)

    def _discover(self) -> str:
        """The address of the server's session end point."""
        with self._open(f"{self._url}/router-info") as asking:
            asking.send(json.dumps({"router": station.id6(self._gateway.eui)}))
            answer = json.loads(asking.recv(_PATIENCE_S))
        if not isinstance(answer, dict) or "uri" not in answer:
            raise ValueError(str(answer.get("error", "it names no uri") if isinstance(answer, dict) else "it names no uri"))
        return str(answer["uri"])

    def _configure(self, config: dict[str, Any]) -> None:
        try:
            self._rates = [(int(sf), int(khz) * 1000, bool(down)) for sf, khz, down in config["DRs"]]
            channels = station.channels(config)
            self._nets = None if config.get("NetID") is None else {int(net) & 0x7F for net in config["NetID"]}
            self._join_euis = [(int(low), int(high)) for low, high in config.get("JoinEui") or []]
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"its router_config cannot be read ({error!r})") from None
        if channels:
            self._gateway.tune(channels)
        self._log("router_config", region=str(config.get("region")), channels=len(channels))

    # -- uplink ------------------------------------------------------------------------------------------------------------

    def forward(self, heard: Heard) -> None:
        try:
            message = station.parse_frame(heard.tx.payload)
            if not self._wanted(message):
                self._log("filtered", msgtype=message["msgtype"])
                return
            tx, got = heard.tx, heard.got
            dr = next((i for i, row in enumerate(self._rates) if row == (tx.sf, tx.bw_hz, False)), None)
            if dr is None:
                self._log("no_data_rate", sf=tx.sf, bw_hz=tx.bw_hz)
                return
            message |= {
                "DR": dr, "Freq": self._gateway.channels[heard.channel][0], "RefTime": 0.0,
                "upinfo": {
                    "rctx": 0, "xtime": _SESSION | heard.count_us, "gpstime": 0, "fts": -1, "rssi": round(got.packet_rssi_dbm),
                    "snr": round(got.snr_db, 2), "rxtime": self._gateway.start_utc + tx.end_us / 1e6,
                },
            }  # fmt: skip
        except station.StationError as error:
            self._log("bad_frame", why=str(error))
            return
        if self._say(message) or self._say(message):
            self._patience.wait_soon(self._gateway.kernel)

    def _wanted(self, message: dict[str, Any]) -> bool:
        """The filters of router_config: an empty list of networks lets no data frame pass, an empty list of JoinEUIs every request."""
        if message["msgtype"] == "jreq":
            join_eui = int.from_bytes(station.eui(message["JoinEui"]), "big")
            return not self._join_euis or any(low <= join_eui <= high for low, high in self._join_euis)
        return "DevAddr" not in message or self._nets is None or (message["DevAddr"] & 0xFFFFFFFF) >> _NWK_ID_SHIFT in self._nets

    # -- downlink ----------------------------------------------------------------------------------------------------------

    def poll(self) -> None:
        while self._answered(0.0):
            pass

    def _answered(self, timeout_s: float) -> bool:
        """Takes one message, if one comes in time; True when it was a downlink."""
        if self._socket is None:
            return False
        try:
            message = self._read(timeout_s)
        except TimeoutError:
            return False
        except _BROKEN as error:
            self._lost(error)
            return False
        if message.get("msgtype") != "dnmsg":
            return False
        try:
            self._take(message)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self._log("bad_message", why=f"dnmsg: {type(error).__name__}")
            return False
        return True

    def _take(self, message: dict[str, Any]) -> None:
        """RX1, then RX2, each at its time after the uplink it answers; class C at once when there is no such uplink or it is too late."""
        base = (int(message["xtime"]) & _COUNT) + max(int(message.get("RxDelay", 1)), 1) * 1_000_000 if message.get("xtime") else None
        trials: list[tuple[str, int | None]] = [] if base is None else [("RX1", base)]
        if message["dC"] == _CLASS_C:
            trials.append(("RX2", None))
        elif base is not None:
            trials.append(("RX2", base + _RX2_AFTER_US))
        phy = bytes.fromhex(message["pdu"])
        for window, at in trials:
            if not message.get(f"{window}Freq"):
                continue
            freq_hz = int(message[f"{window}Freq"])
            sf, bw_hz, _ = self._rates[message[f"{window}DR"]]
            down = Downlink(phy, freq_hz, sf, bw_hz, self._power_dbm(freq_hz), at)
            self._sent.append((down, message))
            if self._gateway.schedule(down) == "NONE":
                return
            self._sent.pop()

    def _power_dbm(self, freq_hz: int) -> float:
        """The protocol names no power: a station takes its region's."""
        plan = self._gateway.plan
        return plan.rx2[2] if freq_hz == plan.rx2[0] else plan.rx1_power_dbm

    def left(self, down: Downlink, start_us: int) -> None:
        message = next((m for d, m in self._sent if d is down), None)
        self._sent = [row for row in self._sent if row[0] is not down]
        if message:
            self._say({
                "msgtype": "dntxed", "diid": message["diid"], "DevEui": message["DevEui"], "rctx": message.get("rctx", 0),
                "xtime": _SESSION | self._gateway.count_us(start_us), "txtime": self._gateway.start_utc + start_us / 1e6, "gpstime": 0,
            })  # fmt: skip

    # -- the wire ----------------------------------------------------------------------------------------------------------

    def _say(self, message: dict[str, Any]) -> bool:
        """Sends, over a new connection if the last one broke; False when that did not work."""
        try:
            if self._socket is None:
                self._connect()
            assert self._socket is not None
            self._socket.send(json.dumps(message))
        except _BROKEN as error:
            self._lost(error)
            return False
        return True

    def _read(self, timeout_s: float) -> dict[str, Any]:
        """The next message, empty if it is no JSON object. Raises what stands in _BROKEN, TimeoutError among it."""
        assert self._socket is not None
        try:
            message = json.loads(self._socket.recv(timeout_s))
        except (ValueError, RecursionError):
            message = None
        if isinstance(message, dict):
            return message
        self._log("bad_message", why="no JSON object")
        return {}

    def _lost(self, error: Exception) -> None:
        self._log("server_silent", why=type(error).__name__)
        self.close()

    def _log(self, what: str, /, **fields: Any) -> None:
        self._gateway.kernel.log.write(self._gateway.name, what, **fields)


def _sentence(error: Exception) -> str:
    if isinstance(error, InvalidURI):
        return "its address is no ws:// or wss:// URL."
    if isinstance(error, TimeoutError):
        return "it does not answer."
    if isinstance(error, OSError):
        return f"{error.strerror or error}: check host and port."
    return f"{str(error).rstrip('.')}."
