"""`network` for the device under test: an access point that behaves as `script` says, one status a look; the last one stays."""

STA_IF = 0
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202

script = [STAT_GOT_IP]
calls = []
takes_channel = True
gone = False


class WLAN:
    def __init__(self, interface):
        self._at = 0
        self._astray = False

    def active(self, on):
        calls.append(("active", on))

    def connect(self, ssid, key, **more):
        if "channel" in more and not takes_channel:
            raise TypeError("extra keyword arguments given")
        call = ["connect", ssid]
        call.extend(sorted(more))
        calls.append(call)
        self._astray = gone and bool(more)

    def scan(self):
        heard = ((b"street", 1, 1, -80), (b"street", 2, 6, -60), (b"other", 3, 9, -20))
        return [(ssid, bytes([i] * 6), channel, rssi, 3, False) for ssid, i, channel, rssi in heard]

    def disconnect(self):
        calls.append(("disconnect",))

    def ifconfig(self, config):
        calls.append(("ifconfig", config))

    def status(self):
        if self._astray:
            return STAT_NO_AP_FOUND
        self._at += 1
        return script[min(self._at, len(script)) - 1]

    def isconnected(self):
        return not self._astray and script[min(self._at, len(script) - 1)] == STAT_GOT_IP
