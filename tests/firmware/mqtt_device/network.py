"""`network` for the device under test: an access point that behaves as `script` says, one status a look; the last one stays."""

STA_IF = 0
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202

script = [STAT_GOT_IP]
calls = []


class WLAN:
    def __init__(self, interface):
        self._at = 0

    def active(self, on):
        calls.append(("active", on))

    def connect(self, ssid, key):
        calls.append(("connect", ssid))

    def disconnect(self):
        calls.append(("disconnect",))

    def ifconfig(self, config):
        calls.append(("ifconfig", config))

    def status(self):
        self._at += 1
        return script[min(self._at, len(script)) - 1]

    def isconnected(self):
        return script[min(self._at, len(script) - 1)] == STAT_GOT_IP
