"""The Wi-Fi station: up within a bounded time, or off again.

Works with `network.WLAN` of ESP32 and RP2, whose status numbers differ; ports without a number for a refusal
just run into the time limit.
"""

import time

import network
from micropython import const

from kerb.errors import UplinkError

_STEP_MS = const(50)
_TRIES = const(2)  # a first scan often misses the access point, and a weak handshake looks like a wrong password


def _codes(*names):
    """Status numbers this port has of these names."""
    return [getattr(network, name) for name in names if hasattr(network, name)]


_PASSWORD = _codes("STAT_WRONG_PASSWORD")
_REFUSED = _PASSWORD + _codes("STAT_NO_AP_FOUND", "STAT_CONNECT_FAIL", "STAT_ASSOC_FAIL", "STAT_HANDSHAKE_TIMEOUT")


class Station:
    """`static_ip`: [address, netmask, gateway, DNS] saves DHCP its second or two; None asks DHCP.

    `keep`: remember in `seen` which access point it was (6 bytes of BSSID and the channel; empty: not known), so that a node that
    sleeps need not look for it again. The first time takes a scan. A port whose connect() knows no channel still searches them.
    """

    def __init__(self, ssid, password, static_ip=None, timeout_s=20, keep=False):
        self._ssid = ssid
        self._password = password
        self._static_ip = static_ip
        self._timeout_ms = timeout_s * 1000
        self._wlan = None
        self._keep = keep
        self.seen = b""

    @property
    def is_up(self):
        return self._wlan is not None and self._wlan.isconnected()

    def signal(self):
        """dBm of the access point, None without one."""
        return self._wlan.status("rssi") if self.is_up else None

    def start(self):
        """True once an address is there; False when none came in time. UplinkError when the password is refused."""
        if self.is_up:
            return True
        self.stop()  # a driver that lost its access point still tries on its own, and refuses orders meanwhile
        status = self._attempt()
        if not self.is_up and self.seen:
            # Another access point may stand there now.
            self.seen = b""
            self.stop()
            status = self._attempt()
        if self.is_up:
            if self._keep and not self.seen:
                self._look()
            return True
        self.stop()
        if status in _PASSWORD:
            raise UplinkError("the access point refuses the Wi-Fi password of this device: write the identity again")
        return False

    def _attempt(self):
        try:
            return self._join()
        except OSError:
            return None  # the driver is busy or out of memory: off and on again is the cure

    def _look(self):
        """Notes the access point of our network that is heard best."""
        best = None
        try:
            for ssid, bssid, channel, rssi, *_ in self._wlan.scan():
                if ssid == self._ssid.encode() and (best is None or rssi > best):
                    best, self.seen = rssi, bytes(bssid) + bytes([channel])
        except OSError:
            pass  # the next connection may look again

    def _connect(self):
        """Asks the driver for the link, at the access point known if there is one."""
        if not self.seen:
            self._wlan.connect(self._ssid, self._password)
            return
        try:
            self._wlan.connect(self._ssid, self._password, bssid=self.seen[:6], channel=self.seen[6])
        except TypeError:
            self._wlan.connect(self._ssid, self._password, bssid=self.seen[:6])

    def _join(self):
        """Waits for the link; returns the status that ended the wait."""
        self._wlan = wlan = network.WLAN(network.STA_IF)
        wlan.active(True)
        if self._static_ip:
            wlan.ifconfig(tuple(self._static_ip))
        end = time.ticks_add(time.ticks_ms(), self._timeout_ms)
        self._connect()
        tries = 1
        while not wlan.isconnected() and time.ticks_diff(end, time.ticks_ms()) > 0:
            if wlan.status() in _REFUSED:
                if tries == _TRIES:
                    break
                tries += 1
                wlan.disconnect()
                self._connect()
            time.sleep_ms(_STEP_MS)
        return wlan.status()

    def stop(self):
        """Radio off: the lowest current, and a clean start next time."""
        wlan = self._wlan
        self._wlan = None
        if wlan is None:
            return
        try:
            wlan.disconnect()
        except OSError:
            pass  # it was not connected
        wlan.active(False)
