"""One message, four implementations: firmware encoder (MicroPython), host encoder, host decoder, generated JavaScript."""

import json
import math
import random

import pytest
import quickjs

from interpreter import micropython
from kerbstone.codec import Profile, Quality, Trust, compile_profile, decode, encode, load_profile, profile_names
from kerbstone.codec.generated import javascript

MESSAGES = 10_000
STAMPS = (0, 1, 2**31 - 1, 2**31, 2**32 - 1)
# Reads one JSON list a line: record, values, quality, trust, stamp, repeat, seq. Writes one line of hex each.
ENCODE_LINES = """
import json, sys
from kerb.codec import encode
profile = json.loads(sys.stdin.readline())
for line in sys.stdin:
    print(encode(profile, *json.loads(line)).hex())
"""


def javascript_decoder(profile: Profile) -> quickjs.Function:
    """A function from a JSON list of byte lists to the JSON list of decodeUplink's results."""
    one = "function (bytes) { return decodeUplink({bytes: bytes, fPort: 1}); }"
    return quickjs.Function("run", f"{javascript(profile)} function run(list) {{ return JSON.stringify(JSON.parse(list).map({one})); }}")


def random_values(profile: Profile, rng: random.Random) -> tuple[dict[str, object], dict[str, object]]:
    """Values to encode, each within 0.49 step of a grid point, and the values any decoder must give for them."""
    given: dict[str, object] = {}
    expected: dict[str, object] = {}
    for channel in profile.channels:
        code = rng.choice((0, channel.top, rng.randint(0, channel.top), rng.randint(0, channel.top)))
        if channel.kind == "number":
            kind = rng.randrange(8)
            if kind == 0:
                given |= {channel.name: None} if rng.random() < 0.5 else {}
                expected[channel.name] = None
                continue
            off = 0 if kind < 3 else rng.choice((-0.49, 0.49, rng.uniform(-0.49, 0.49)))
            given[channel.name] = (channel.min_n + (code + off) * channel.step_n) / channel.den
            expected[channel.name] = (channel.min_n + code * channel.step_n) / channel.den
        elif channel.kind == "enum":
            given[channel.name] = rng.choice((code, channel.names[code]))
            expected[channel.name] = channel.names[code]
        else:
            expected[channel.name] = [name for bit, name in enumerate(channel.names) if code >> bit & 1]
            given[channel.name] = rng.choice((code, expected[channel.name]))
    return given, expected


@pytest.mark.parametrize("name", profile_names())
def test_ten_thousand_messages_read_the_same_everywhere(name: str) -> None:
    profile, rng = load_profile(name), random.Random(name)
    rows, expected = [], []
    for _ in range(MESSAGES):
        given, meant = random_values(profile, rng)
        trust = Trust(rng.randrange(4))
        stamp = rng.choice((*STAMPS, rng.randrange(2**32))) if trust.stamped else None
        repeat, seq = trust.stamped and rng.random() < 0.5, rng.choice((0, 127, rng.randrange(128)))
        rows.append([rng.choice(list(profile.cuts)), given, rng.randrange(4), int(trust), stamp, repeat, seq])
        expected.append(meant)

    text = "\n".join([json.dumps(compile_profile(name)), *map(json.dumps, rows)]) + "\n"
    sent = micropython(ENCODE_LINES, text).split()
    assert len(sent) == MESSAGES
    scripted = json.loads(javascript_decoder(profile)(json.dumps([list(bytes.fromhex(line)) for line in sent])))

    for (record, given, quality, trust, stamp, repeat, seq), meant, line, theirs in zip(rows, expected, sent, scripted, strict=True):
        assert line == encode(profile, record, given, Quality(quality), Trust(trust), stamp, repeat, seq).hex()
        got = decode(profile, line)
        carried = [channel.name for channel in profile.channels[: profile.cuts[record]]]
        assert got.values == {channel: meant[channel] for channel in carried}
        assert (got.record, got.quality, got.trust, got.stamp) == (record, quality, trust, stamp or None)  # 0: no time known
        assert (got.repeat, got.seq) == ((repeat, seq) if stamp is not None else (False, None))
        assert theirs == {"data": got.data(), "warnings": got.warnings, "errors": []}
        assert not got.warnings


@pytest.mark.parametrize("name", profile_names())
def test_every_number_keeps_every_code_apart_and_decodes_alike_in_javascript(name: str) -> None:
    """Each code of each number channel (at most 4,097 of a wide one), through host encoder, host decoder and JavaScript."""
    profile = load_profile(name)
    longest = list(profile.cuts)[-1]
    base = {channel.name: [] if channel.kind == "flags" else 0 for channel in profile.channels if channel.kind != "number"}
    sent, meant = [], []
    for channel in profile.channels:
        if channel.kind == "number":
            for code in range(0, channel.top + 1, max(1, channel.top // 4096)):
                sent.append(encode(profile, longest, base | {channel.name: channel.number(code)}))
                meant.append((channel.name, channel.number(code)))
    assert len(set(sent)) >= len(sent) - len(profile.channels)  # no two codes of a channel share bytes (0 may recur)
    scripted = json.loads(javascript_decoder(profile)(json.dumps([list(message) for message in sent])))
    for message, (channel_name, value), theirs in zip(sent, meant, scripted, strict=True):
        assert decode(profile, message).values[channel_name] == value
        assert theirs["data"]["values"][channel_name] == value


def test_numbers_that_json_cannot_carry_are_missing_or_saturate_on_micropython() -> None:
    script = """
from kerb.codec import encode
import json, sys
profile = json.loads(sys.stdin.readline())
for value in (float("nan"), float("inf"), float("-inf"), 1e30, -1e30, 10**12):
    print(encode(profile, "full", {"fill": 7, "temperature": value, "alarms": ()}, 0, 0).hex())
"""
    read = [decode(load_profile("bins"), line) for line in micropython(script, json.dumps(compile_profile("bins")) + "\n").split()]
    assert [message.values["temperature"] for message in read] == [None, 87, -40, 87, -40, 87]
    assert [message.quality for message in read] == [Quality.GOOD] + [Quality.SUSPECT] * 5
    assert all(message.values["fill"] == 7 and message.values["distance_mm"] is None for message in read)


def test_a_host_float_that_is_not_a_number_is_missing() -> None:
    profile = load_profile("bins")
    assert encode(profile, "full", {"fill": math.nan, "alarms": []}) == encode(profile, "full", {"alarms": []})
