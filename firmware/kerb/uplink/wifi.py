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
    """`static_ip`: [address, netmask, gateway, DNS] saves DHCP its second or two; None asks DHCP."""

    def __init__(self, ssid, password, static_ip=None, timeout_s=20):
        self._ssid = ssid
        self._password = password
        self._static_ip = static_ip
        self._timeout_ms = timeout_s * 1000
        self._wlan = None

    @property
    def is_up(self):
        return self._wlan is not None and self._wlan.isconnected()

    def start(self):
        """True once an address is there; False when none came in time. UplinkError when the password is refused."""
        if self.is_up:
            return True
        self.stop()  # a driver that lost its access point still tries on its own, and refuses orders meanwhile
        status = None
        try:
            status = self._join()
        except OSError:
            pass  # the driver is busy or out of memory: off and on again is the cure
        if self.is_up:
            return True
        self.stop()
        if status in _PASSWORD:
            raise UplinkError("the access point refuses the Wi-Fi password of this device: write the identity again")
        return False

    def _join(self):
        """Waits for the link; returns the status that ended the wait."""
        self._wlan = wlan = network.WLAN(network.STA_IF)
        wlan.active(True)
        if self._static_ip:
            wlan.ifconfig(tuple(self._static_ip))
        end = time.ticks_add(time.ticks_ms(), self._timeout_ms)
        wlan.connect(self._ssid, self._password)
        tries = 1
        while not wlan.isconnected() and time.ticks_diff(end, time.ticks_ms()) > 0:
            if wlan.status() in _REFUSED:
                if tries == _TRIES:
                    break
                tries += 1
                wlan.disconnect()
                wlan.connect(self._ssid, self._password)
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
