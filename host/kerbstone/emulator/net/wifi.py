"""The access point a device may join, and what the link costs."""

from __future__ import annotations

from kerbstone.emulator.board.device import Device
from kerbstone.emulator.kernel import Event

_BSSID, _CHANNEL = "020202020202", 6  # of the access point
_SCAN_MS = 1560  # 13 channels of 120 ms, the default of ESP-IDF for an active scan
# Of the time to connect, what goes into finding the access point, and what is left at the least: unconfirmed.
_SEARCH_MS, _ASSOCIATE_MS = 400, 150


class Wifi:
    """State machine of the station: idle, connecting, up, no_ap, wrong_password."""

    def __init__(self, device: Device, ssid: str, password: str):
        self.device = device
        self._ssid = ssid
        self._password = password
        self.meter = device.ledger.meter("wifi")
        self.status = "idle"
        self.in_range = True
        self._static = False
        self._pending: Event | None = None
        device.calls.update(
            net_open=lambda kind: None, net_active=self._active, net_connect=self._connect, net_disconnect=self._disconnect,
            net_status=lambda kind: self.status, net_static=self._set_static, net_rssi=lambda: -61, net_pm=lambda kind, mode: None,
            net_scan=self._scan,
        )
        device.on_stop.append(self._down)
        self._on = False

    @property
    def up(self) -> bool:
        return self.status == "up"

    def _charge(self, state: str) -> None:
        self.meter.set(state, self.device.spec.wifi_current_ua.get(state, 0.0))

    def _active(self, kind: str, on: bool | None) -> bool:
        if on is not None and on != self._on:
            self._on = on
            if not on:
                self._down()
        return self._on

    def _set_static(self, kind: str) -> None:
        self._static = True

    def _scan(self) -> list[object]:
        """[how long it took in us, what was heard]."""
        self.meter.add("rx", _SCAN_MS / 1000 * self.device.spec.wifi_current_ua.get("rx", 0.0))
        return [_SCAN_MS * 1000, [[self._ssid, _BSSID, _CHANNEL, -61]] if self.in_range else []]

    def _connect(self, kind: str, ssid: str | None, key: str | None, bssid: str | None = None, channel: int | None = None) -> None:
        self._cancel()
        self.status = "connecting"
        self._charge("connecting")
        spec = self.device.spec
        ms = spec.wifi_connect_ms
        if channel == _CHANNEL:
            ms = max(ms - _SEARCH_MS, _ASSOCIATE_MS)
        if not self.in_range or ssid != self._ssid or bssid not in (None, _BSSID) or channel not in (None, _CHANNEL):
            outcome, ms = "no_ap", 3000
        elif key != self._password:
            outcome = "wrong_password"
        else:
            outcome = "up"
        then = self._ask_address if outcome == "up" and not self._static else self._decided
        self._pending = self.device.kernel.after(ms * 1000, then, outcome)

    def _ask_address(self, outcome: str) -> None:
        """Associated; the radio rests between the packets of DHCP."""
        self._charge("dhcp" if "dhcp" in self.device.spec.wifi_current_ua else "connecting")
        self._pending = self.device.kernel.after(self.device.spec.wifi_dhcp_ms * 1000, self._decided, outcome)

    def _decided(self, outcome: str) -> None:
        self._pending = None
        self.status = outcome
        self._charge("idle" if outcome == "up" else "off")
        self.device.kernel.log.write(self.device.spec.name, "wifi", status=outcome)

    def leave(self) -> None:
        """The access point is gone: a station that had it notices at once."""
        self.in_range = False
        if self.up:
            self._cancel()
            self.status = "no_ap"
            self._charge("off")

    def _disconnect(self, kind: str) -> None:
        self._cancel()
        self.status = "idle"
        self._charge("off")

    def _cancel(self) -> None:
        if self._pending:
            self._pending.cancel()
            self._pending = None

    def _down(self) -> None:
        self._cancel()
        self.status = "idle"
        self._on = False
        self._static = False
        self._charge("off")

    def traffic(self, count: int, sent: bool) -> None:
        """Charges a burst of `count` bytes: 1 ms of radio a frame at 802.11b/g mixed rates, plus 8 us a byte."""
        seconds = (1000 + 8 * count) / 1e6
        state = "tx" if sent else "rx"
        self.meter.add(state, seconds * self.device.spec.wifi_current_ua.get(state, 0.0))
