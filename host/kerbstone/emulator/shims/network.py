"""`network`: Wi-Fi station and wired LAN."""

import _link

STA_IF = 0
AP_IF = 1
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202
STAT_CONNECT_FAIL = 203
PHY_LAN8720 = 1
PHY_LAN8710 = 0
if _link.hello["port"] == "rp2":
    STAT_IDLE = 0
    STAT_CONNECTING = 1
    STAT_GOT_IP = 3
    STAT_NO_AP_FOUND = -2
    STAT_WRONG_PASSWORD = -3
    STAT_CONNECT_FAIL = -1

_STATUS = {
    "idle": STAT_IDLE,
    "connecting": STAT_CONNECTING,
    "up": STAT_GOT_IP,
    "no_ap": STAT_NO_AP_FOUND,
    "wrong_password": STAT_WRONG_PASSWORD,
    "failed": STAT_CONNECT_FAIL,
}


def country(code=None):
    return code


def hostname(name=None):
    return name


class WLAN:
    IF_STA = 0
    IF_AP = 1
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2
    _kind = "wlan"

    def __init__(self, interface_id=STA_IF):
        _link.ask("net_open", self._kind)

    def active(self, on=None):
        return _link.ask("net_active", self._kind, None if on is None else bool(on))

    def connect(self, ssid=None, key=None, *, bssid=None, **more):
        # Only the RP2 port's driver takes a channel; the ESP32's searches them all.
        known = ("channel", "auth", "security") if _link.hello["port"] == "rp2" else ("reconnects",)
        for name in more:
            if name not in known:
                raise TypeError("extra keyword arguments given")
        _link.ask("net_connect", self._kind, ssid, key, None if bssid is None else bytes(bssid).hex(), more.get("channel"))

    def disconnect(self):
        _link.ask("net_disconnect", self._kind)

    def isconnected(self):
        return _link.ask("net_status", self._kind) == "up"

    def status(self, param=None):
        if param == "rssi":
            return _link.ask("net_rssi")
        return _STATUS[_link.ask("net_status", self._kind)]

    def ifconfig(self, config=None):
        if config is None:
            return ("10.0.0.2", "255.255.255.0", "10.0.0.1", "10.0.0.1")
        _link.ask("net_static", self._kind)

    def ipconfig(self, param=None, **kwargs):
        if "addr4" in kwargs and kwargs["addr4"] != "dhcp":
            _link.ask("net_static", self._kind)
        return ("10.0.0.2", "255.255.255.0") if param == "addr4" else None

    def config(self, *args, **kwargs):
        if args and args[0] == "mac":
            return bytes.fromhex(_link.hello["mac"])
        if "pm" in kwargs:
            _link.ask("net_pm", self._kind, kwargs["pm"])
        return None

    def scan(self):
        found = _link.ask("net_scan")
        _link.sleep_us(found[0])
        return [(s.encode(), bytes.fromhex(bssid), channel, rssi, 3, False) for s, bssid, channel, rssi in found[1]]


class LAN(WLAN):
    _kind = "lan"

    def __init__(self, *args, **kwargs):
        _link.ask("net_open", self._kind)
