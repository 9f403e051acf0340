"""The certification protocol (TS009-1.0.0, port 224): a test laboratory commands the node. Never on a node of the street: its commands
need no more than the network's keys.

Commands of class B and of relays are not known here and therefore not answered.
"""

from kerb import log

_KEPT = "lw.224"  # present: the laboratory has closed the port for good

DOWN = {
    0x00: ("PackageVersionReq", ""),
    0x01: ("DutResetReq", ""),
    0x02: ("DutJoinReq", ""),
    0x03: ("SwitchClassReq", "class:8"),
    0x04: ("AdrBitChangeReq", "adr:8"),
    0x05: ("RegionalDutyCycleCtrlReq", "on:8"),
    0x06: ("TxPeriodicityChangeReq", "period:8"),
    0x07: ("TxFramesCtrlReq", "frame_type:8"),
    0x08: ("EchoPayloadReq", "payload:*"),
    0x09: ("RxAppCntReq", ""),
    0x0A: ("RxAppCntResetReq", ""),
    0x20: ("LinkCheckReq", ""),
    0x21: ("DeviceTimeReq", ""),
    0x7D: ("TxCwReq", "timeout:16 freq_hz:24h power:8"),
    0x7E: ("DutFPort224DisableReq", ""),
    0x7F: ("DutVersionsReq", ""),
}
UP = {
    0x00: ("PackageVersionAns", "package_identifier:8 package_version:8"),
    0x08: ("EchoPayloadAns", "payload:*"),
    0x09: ("RxAppCntAns", "count:16"),
    0x7F: ("DutVersionsAns", "firmware:32x lorawan:32x regional:32x"),
}
_PERIODS_S = (0, 5, 10, 20, 30, 40, 50, 60, 120, 240, 480)  # 0: as the application likes
_VERSIONS = {"firmware": b"\0\1\0\0", "lorawan": b"\1\0\4\0", "regional": b"\2\1\0\3"}  # LoRaWAN 1.0.4, RP002-1.0.3


class Package:
    """`host`: the Uplink of extra.py."""

    port = 224
    down = DOWN
    up = UP

    def __init__(self, host):
        self.host = host
        self.due = None
        self._period_s = 0
        if host.store.get(_KEPT):
            self.down = {}

    def act(self, now):
        """Sends the periodic frame: one byte on the application's port."""
        self.due = now + self._period_s
        self.host.say(self.host.port, b"\0")

    def take(self, cid, fields):
        """Carries out one command; the answer's fields or None."""
        action = self._ACTIONS.get(cid)
        return action(self, fields) if action else None

    def _version(self, fields):
        return {"package_identifier": 6, "package_version": 1}

    def _reset(self, fields):
        self.host.restart()

    def _join(self, fields):
        self.host.mac.session.joined = 0
        self.due = self.host.board.mono()

    def _class(self, fields):
        listener = self.host.listener
        if fields["class"] in (0, 2):
            listener.always = fields["class"] == 2
            listener.resume()

    def _adr(self, fields):
        self.host.mac.link.adr = bool(fields["adr"])

    def _duty(self, fields):
        self.host.unlimited = not fields["on"]

    def _periodicity(self, fields):
        if fields["period"] < len(_PERIODS_S):
            self._period_s = _PERIODS_S[fields["period"]]
            self.due = self.host.board.mono() + self._period_s if self._period_s else None

    def _frames(self, fields):
        if fields["frame_type"] in (1, 2):
            self.host.confirmed = fields["frame_type"] == 2

    def _echo(self, fields):
        room = self.host.mac.mtu() - 1
        return {"payload": bytes([byte + 1 & 255 for byte in fields["payload"][:room]])}

    def _count(self, fields):
        return {"count": self.host.received & 0xFFFF}

    def _count_again(self, fields):
        self.host.received = 0

    def _check(self, fields):
        self.host.ask_link()
        self.host.listener.owes = True

    def _time(self, fields):
        self.host.mac.asks.add(0x0D)
        self.host.listener.owes = True

    def _carrier(self, fields):
        host = self.host
        row = host.mac.region.rates[host.mac.session.dr]
        host.listener.ear.carrier(host.listener.radio, fields["freq_hz"], row, fields["power"], fields["timeout"] * 1000)
        host.listener.resume()

    def _disable(self, fields):
        log.event("note", "port 224 is closed")
        self.host.store.put(_KEPT, b"\1")
        self.host.restart()

    def _versions(self, fields):
        return _VERSIONS

    _ACTIONS = {
        0x00: _version, 0x01: _reset, 0x02: _join, 0x03: _class, 0x04: _adr, 0x05: _duty, 0x06: _periodicity, 0x07: _frames,
        0x08: _echo, 0x09: _count, 0x0A: _count_again, 0x20: _check, 0x21: _time, 0x7D: _carrier, 0x7E: _disable, 0x7F: _versions,
    }  # fmt: skip
