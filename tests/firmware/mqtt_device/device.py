"""The firmware's MQTT uplink driven from outside: one job a process, its options as a JSON line on stdin, its result as a JSON line."""

import gc
import json
import sys
import time

from kerb.errors import KerbError
from kerb.identity import Identity
from kerb.uplink.mqtt import Uplink

options = json.loads(sys.stdin.readline())
identity = {"device_id": "dev1", "wifi_ssid": "street", "wifi_password": "wifi-secret"}
identity.update(options.get("identity", {}))
result = {"errors": [], "commands": []}


def make():
    Uplink.ANSWER_MS = options.get("answer_ms", 10000)
    config = {"broker": "127.0.0.1", "port": options["port"]}
    config.update(options.get("config", {}))
    return Uplink(config, Identity(identity), Board(), None)


class Board:
    """What the uplink asks of a board: whether the RTC shows UTC."""

    known = not options.get("no_clock")

    def show_utc(self):
        return self.known

    def learn_time(self, got):
        Board.known = True
        result["learnt"] = got[0]


def until(uplink, what, ms):
    """Calls what() until it is true, connecting as often as it takes, for at most `ms`."""
    end = time.ticks_add(time.ticks_ms(), ms)
    while not what() and time.ticks_diff(end, time.ticks_ms()) > 0:
        if not uplink.connect():
            time.sleep_ms(20)


def take(uplink):
    got = uplink.receive()
    if got:
        result["commands"].append([got[0], got[1].decode()])
        time.sleep_ms(5)  # the broker answers a PUBACK meanwhile
    return got


def send_many(uplink):
    """Numbers 0..count-1; a frame sent again begins with R, within one send() as after a None."""
    started = time.ticks_ms()
    nones = number = 0
    prefix = b""
    while number < options["count"]:
        text = b"%d" % number
        if not uplink.connect():
            time.sleep_ms(20)
            continue
        receipt = uplink.send(prefix + text, 2, True, b"R" + text)
        if receipt is None:
            nones += 1
            prefix = b"R"
            continue
        prefix = b""
        number += 1
        if options.get("pace_ms"):
            time.sleep_ms(options["pace_ms"])
    result.update(sent=number, nones=nones, ms=time.ticks_diff(time.ticks_ms(), started))


def attempt(uplink):
    """One connect() and, if that worked, one send(); how long each took and what came of it."""
    for name, act in (("connect", uplink.connect), ("send", lambda: uplink.send(b"x", 2, True))):
        started = time.ticks_ms()
        try:
            outcome = act()
            result[name] = outcome if outcome is None or isinstance(outcome, bool) else "receipt"
        except KerbError as error:
            result[name] = "error"
            result["errors"].append(str(error))
        result[name + "_ms"] = time.ticks_diff(time.ticks_ms(), started)
        if result[name] is not True:
            break


def garbage(uplink):
    """As many attempts as the server has nonsense for."""
    outcomes = {"receipt": 0, "nothing": 0, "error": 0}
    for _ in range(options["count"]):
        try:
            outcomes["receipt" if uplink.connect() and uplink.send(b"x", 2, True) else "nothing"] += 1
        except KerbError:
            outcomes["error"] += 1
    result.update(outcomes)


def commands(uplink):
    if options.get("send"):
        uplink.connect()
        time.sleep_ms(100)  # everything the broker holds is here before the PUBACK
        uplink.send(b"x", 2, True)
    until(uplink, lambda: (take(uplink) and False) or len(result["commands"]) >= options["count"], options["ms"])
    uplink.sleep()


def listen(uplink):
    """Connects once and looks for commands every 20 ms."""
    uplink.connect()
    for _ in range(options["ms"] // 20):
        take(uplink)
        time.sleep_ms(20)


def send_and_listen(uplink):
    uplink.connect()
    result["receipt"] = uplink.send(b"x", 2, True) is not None
    while take(uplink):
        pass


def pauses(uplink):
    waits = []
    for _ in range(options["count"]):
        uplink.connect()
        waits.append(uplink.retry_after_s())
    other = make()
    other.unpack(uplink.pack())
    result.update(waits=waits, after_sleep=other.retry_after_s(), packed=len(uplink.pack()), held_back=other.send(b"x", 2, True) is None)


def burst(uplink):
    """Three wakes with a connection each, the state packed over the sleep between."""
    state = None
    for number in range(3):
        uplink = make()
        if state:
            uplink.unpack(state)
        uplink.connect()
        uplink.send(b"%d" % number, 2, True)
        uplink.sleep()
        state = uplink.pack()


def heap(uplink):
    """Heap that 100 frames leave behind after a collection, once warm."""
    uplink.connect()
    used = []
    for _ in range(2):
        for number in range(100):
            uplink.send(b"%d" % number, 2, True)
        gc.collect()
        used.append(gc.mem_alloc())
    result.update(grown=used[1] - used[0], used=used[1])


JOBS = {f.__name__: f for f in (send_many, attempt, garbage, commands, listen, send_and_listen, pauses, burst, heap)}
try:
    JOBS[options["job"]](make())
except KerbError as error:
    result["errors"].append(str(error))
print(json.dumps(result))
