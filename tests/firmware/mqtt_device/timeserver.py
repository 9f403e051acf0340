"""SNTP under test: parses given answers, and asks a time server that a stand-in for `socket` plays. See test_mqtt_time_and_wifi."""

import json
import sys
import time
from struct import pack

options = json.loads(sys.stdin.readline())
said = {"queries": [], "closed": 0, "asked": []}


class Socket:
    """Answers each query from `options["script"]`: "ok", "stray" (another's answer), "kiss" or "none"."""

    def __init__(self, family, kind):
        self._script = iter(options["script"])

    def sendto(self, data, address):
        said["queries"].append(bytes(data).hex())
        said["asked"].append(list(address))
        self._nonce = bytes(data[40:48])

    def settimeout(self, seconds):
        self._left_ms = int(seconds * 1000)

    def recvfrom(self, size):
        what = next(self._script)
        if what == "none":
            time.sleep_ms(self._left_ms)
            raise OSError(110)
        time.sleep_ms(options["delay_ms"])
        nonce = bytes(8) if what == "stray" else self._nonce
        stamp = pack(">II", options["utc"] + 2208988800, 0)
        return bytes([0x24, 0 if what == "kiss" else 2]) + bytes(22) + nonce + stamp + stamp, ("server", 123)

    def close(self):
        said["closed"] += 1


class Stand:
    AF_INET = 2
    SOCK_DGRAM = 2
    SOCK_STREAM = 1
    socket = Socket

    @staticmethod
    def getaddrinfo(host, port, family=0):
        return [(2, 2, 0, "", (host, port))]


sys.modules["socket"] = Stand

from kerb.errors import UplinkError
from kerb.uplink import sntp


def parse(answer, nonce, round_trip_ms):
    try:
        return sntp.parse(bytes.fromhex(answer), bytes.fromhex(nonce), round_trip_ms)
    except UplinkError as error:
        return str(error)


started = time.ticks_ms()
try:
    got = sntp.ask("time.example")
    said["got"] = got and [got[0], got[1], time.ticks_diff(got[2], started)]
except UplinkError as error:
    said["got"] = str(error)
said["ms"] = time.ticks_diff(time.ticks_ms(), started)
said["parsed"] = [parse(*case) for case in options["cases"]]
print(json.dumps(said))
