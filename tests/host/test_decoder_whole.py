"""One decoder file for all that a node sends: its application's messages and what it says of itself."""

import json
import random

import pytest
import quickjs

from kerbstone.codec import Quality, Trust, decode_uplink, encode, load_profile, profile_names
from kerbstone.codec.generated import profile_files

NODE = load_profile("node")


def scripted(name):
    """bytes -> what decodeUplink of the application's file returns."""
    text = profile_files(load_profile(name))[f"{name}.js"]
    text += "function run(list) { return JSON.stringify(decodeUplink({bytes: JSON.parse(list), fPort: 2})); }"
    run = quickjs.Function("run", text)
    return lambda message: json.loads(run(json.dumps(list(message))))


def on_host(profile, message):
    return decode_uplink(profile, message)


@pytest.mark.parametrize("name", [*profile_names(), "terminal"])
def test_gap_messages_and_the_applications_own_come_in_turn(name):
    profile, run = load_profile(name), scripted(name)
    gap = encode(NODE, "gap", {"gap_alarms": 0, "gap_events": 3, "gap_readings": 40}, Quality.GOOD, Trust.STAMPED, 1_775_174_400, False, 5)
    words = [channel for channel in profile.channels if channel.kind != "number"]
    values = {channel.name: [] if channel.kind == "flags" else channel.names[0] for channel in words}
    own = encode(profile, next(iter(profile.cuts)), values, Quality.GOOD, Trust.LIVE)
    for message, of in ((gap, NODE), (own, profile), (gap, NODE), (own, profile)):
        assert run(message) == on_host(of, message)
    assert run(gap)["data"]["values"] == {"gap_alarms": 0, "gap_events": 3, "gap_readings": 40}


@pytest.mark.parametrize("name", profile_names())
def test_whatever_comes_the_file_says_what_the_host_says(name):
    profile, run, rng = load_profile(name), scripted(name), random.Random(name)
    for _ in range(1500):
        head = rng.choice((profile.number << 4, NODE.number << 4, rng.randrange(256)))
        message = bytes([head | rng.randrange(4) if head < 240 else head]) + rng.randbytes(rng.randrange(16))
        number = message[1] if message[0] >> 4 == 15 and len(message) > 1 else message[0] >> 4
        assert run(message) == on_host(NODE if number == NODE.number else profile, message), message.hex()
    assert run(b"") == on_host(profile, b"")
