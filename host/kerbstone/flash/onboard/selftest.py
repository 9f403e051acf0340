# Runs on the board: every part through its own driver, then the radio. Prints one line of JSON, a list of findings:
# [name, "what was seen" or "", "what is wrong" or ""]. `skip` is defined before it.
import json
import time

from kerb import config
from kerb.parts import Part

_WAIT_MS = 2000  # a part that takes longer to warm up has answered by being identified and started
_FAULT = 3
_JAMMED_DBM = -40
_DEAF_DBM = -127  # the lowest figure the receiver can report


def look_at_part(name, table):
    driver = Part(name, table).build()
    if not driver.QUANTITIES:
        return "answers"
    try:
        driver.start()
        if driver.WARM_UP_MS > _WAIT_MS:
            return "answers, warms up"
        time.sleep_ms(driver.WARM_UP_MS)
        reading = driver.measure({})
        if reading["quality"] == _FAULT:
            raise ValueError("its reading is marked as a fault")
        shown = ["%s %s" % (k, "%.2f" % v if isinstance(v, float) else v) for k, v in sorted(reading.items()) if k != "quality"]
        return ", ".join(shown[:4])
    finally:
        driver.sleep()


def look_at_lora(uplink):
    table = uplink["radio"]
    radio = __import__("kerb.radio." + table["chip"], None, None, ("from_board",)).from_board(table)
    channel = uplink["region"]["channels"][0][0]
    low, high = _DEAF_DBM, _JAMMED_DBM
    try:
        if not radio.clear(channel, (9, 125000), high, 2):
            raise ValueError("something near transmits without pause on %d Hz" % channel)
        if radio.clear(channel, (9, 125000), low, 4):
            raise ValueError("the receiver is deaf: check the antenna switch in the board file")
        while high - low > 1:
            middle = (low + high) // 2
            if radio.clear(channel, (9, 125000), middle, 2):
                high = middle
            else:
                low = middle
    finally:
        radio.sleep()
    return "noise %d dBm" % high


def look_at_wifi():
    import network

    station = network.WLAN(network.STA_IF)
    station.active(True)
    try:
        found = sorted(row[3] for row in station.scan())
    finally:
        station.active(False)
    if not found:
        raise ValueError("no access point is heard: check the antenna, or bring one near")
    return "%d access points, strongest %d dBm" % (len(found), found[-1])


def findings(node, left_out):
    looks = [(name, look_at_part, (name, node["parts"][name])) for name in node["order"] if name not in left_out]
    if "radio" not in left_out:
        uplink = node["uplink"]
        if "radio" in uplink:
            looks.append(("radio", look_at_lora, (uplink,)))
        elif uplink["kind"] == "mqtt":
            looks.append(("radio", look_at_wifi, ()))
    found = []
    for name, look, arguments in looks:
        try:
            found.append([name, look(*arguments), ""])
        except Exception as error:  # whatever a part does, the others are looked at too
            found.append([name, "", str(error) or type(error).__name__])
    return found


print(json.dumps(findings(config.load(), skip)))
