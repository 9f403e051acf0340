"""Clock synchronisation (TS003-2.0.0 section 3): asks the application's server for the time, for networks that do not tell it."""

from kerb.uplink.lorawan.packages import clock_sync, wire

_SPREAD_S = 30  # section 3.2: a periodic request leaves up to this much earlier or later


class Package:
    """`host`: the Uplink of extra.py. An answer becomes the network's time, which the node takes as any other."""

    port = clock_sync.PORT
    down = clock_sync.DOWN
    up = clock_sync.UP

    def __init__(self, host):
        self.host = host
        self.due = None
        self._token = 0
        self._period_s = 0
        self._left = 0  # requests still to send without being asked again
        self._sent = None  # (our seconds, tick in ms) at the end of the last request

    def ask_time(self):
        """Requests the time at the next occasion."""
        self.due = self.host.board.mono()

    def act(self, now):
        """Sends AppTimeReq; its time is that of the end of the transmission, as near as seconds can say."""
        host = self.host
        if self._left:
            self._left -= 1
        self.due = now + self._pause_s() if self._left or self._period_s else None
        seconds = (host.gps() or now) & 0xFFFFFFFF
        fields = {"device_time": seconds, "token": self._token, "ans_required": host.gps() is None}
        if host.say(self.port, wire.pack(1, self.up[1][1], fields)):
            self._sent = seconds, host.listener.done_ms

    def _pause_s(self):
        return 10 if self._left else self._period_s - _SPREAD_S + self.host.random_s(2 * _SPREAD_S)

    def take(self, cid, fields):
        """Carries out one command; the answer's fields or None."""
        host = self.host
        if cid == 0:
            return {"package_identifier": clock_sync.VERSION[0], "package_version": host.version}
        if cid == 1:
            if self._sent and fields["token"] == self._token:
                seconds, tick = self._sent
                host.mac.network_time = ((seconds + fields["time_correction"]) & 0xFFFFFFFF, 0, tick)
                self._token = self._token + 1 & 15
                self._sent = None
                self._left = 0
                self.due = host.board.mono() + self._pause_s() if self._period_s else None
            return None
        if cid == 2:
            self._period_s = clock_sync.period_s(fields["period"])
            self.due = host.board.mono() + self._pause_s()
            return {"not_supported": 0, "time": (host.gps() or host.board.mono()) & 0xFFFFFFFF}
        self._left = fields["nb_transmissions"]
        self.due = host.board.mono() if self._left else self.due
        return None
