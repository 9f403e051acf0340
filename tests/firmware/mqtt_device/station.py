"""The Wi-Fi station under test against an access point that follows a script; see test_mqtt_time_and_wifi."""

import json
import sys
import time

import network

from kerb.errors import UplinkError
from kerb.uplink.wifi import Station

options = json.loads(sys.stdin.readline())
network.script = options["script"]
network.takes_channel = options.get("takes_channel", True)
station = Station("street", "wifi-secret", options.get("static_ip"), options["timeout_s"], options.get("keep", False))
started = time.ticks_ms()
try:
    outcome = station.start()
except UplinkError as error:
    outcome = str(error)
result = {"outcome": outcome, "ms": time.ticks_diff(time.ticks_ms(), started), "is_up": station.is_up}
if outcome is True:
    # A second start of a station that is up must not touch the radio.
    before = len(network.calls)
    result["idle"] = station.start() and len(network.calls) == before
    station.stop()
    if options.get("keep"):
        # As after a sleep: what was seen is all that is left.
        again = Station("street", "wifi-secret", None, options["timeout_s"], True)
        again.seen, network.gone = station.seen, options.get("gone", False)
        network.calls.clear()
        result["again"] = again.start()
        result["seen"] = again.seen.hex()
result["calls"] = network.calls
print(json.dumps(result))
