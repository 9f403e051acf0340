"""The firmware encoder's arithmetic under 32-bit floats, what it does at the ends of a range, and with profiles of other people."""

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from kerb import codec
from kerb.errors import ConfigError
from kerbstone.codec import Profile, Quality, Trust, compile_profile, decode, encode, load_profile, profile_names
from kerbstone.codec.catalogue import catalogue
from kerbstone.codec.channel import Channel
from kerbstone.codec.profile import parse_profile
from kerbstone.codec.tomlfile import TomlFile

NUMBERS = {c.name: (name, c) for name in profile_names() for c in load_profile(name).channels if c.kind == "number"}
STATES = {name: 0 for name, channel in catalogue().items() if channel.kind != "number"}


def firmware_code(profile: dict, channel: Channel, value: object) -> int:
    """The code the firmware's encoder puts in the last channel of a one-channel profile made of `channel`."""
    lone = profile | {"id": 1, "channels": [channel.compiled()], "records": {"only": 1}}
    message = codec.encode(lone, "only", {channel.name: value}, 0, 0)
    return int.from_bytes(message[1:], "big") >> -(4 + channel.bits) % 8 & ((1 << channel.bits) - 1)


@pytest.mark.parametrize("name", NUMBERS)
def test_32_bit_floats_give_the_code_of_exact_arithmetic(name: str) -> None:
    """Values on the grid and up to 0.49 step off it, every operation rounded to 32 bits, against rationals on the same input."""
    profile_name, channel = NUMBERS[name]
    profile, rng = compile_profile(profile_name), random.Random(name)
    codes = range(channel.top + 1) if channel.top < 600 else [0, 1, channel.top - 1, channel.top, *rng.sample(range(channel.top), 600)]
    for code in codes:
        for off in (0.0, -0.49, 0.49, rng.uniform(-0.49, 0.49)):
            value = np.float32((channel.min_n + (code + off) * channel.step_n) / channel.den)
            if off and np.spacing(abs(value)) * channel.den / channel.step_n > 0.06:
                continue  # 32 bits may round it to halfway between two codes, which goes either way
            got = firmware_code(profile, channel, value)
            assert got == channel.encode(Fraction(float(value)))
            # A 32-bit float cannot hold 0.49 step of a channel that needs more than its 24 bits for that.
            if off == 0.0 or np.spacing(abs(value)) * channel.den / channel.step_n < 0.01:
                assert got == code


@pytest.mark.parametrize("name", NUMBERS)
def test_integers_and_64_bit_floats_agree_with_the_host(name: str) -> None:
    profile_name, channel = NUMBERS[name]
    profile, rng = compile_profile(profile_name), random.Random(name)
    low, high = channel.number(0), channel.number(channel.top)
    for _ in range(300):
        value = rng.choice((rng.uniform(low, high), rng.randint(int(low), int(high))))
        assert firmware_code(profile, channel, value) == channel.encode(value)


@pytest.mark.parametrize("name", NUMBERS)
def test_out_of_range_is_sent_as_the_nearest_end_and_suspect(name: str) -> None:
    profile_name, channel = NUMBERS[name]
    profile, model = compile_profile(profile_name), load_profile(profile_name)
    record = list(profile["records"])[-1]
    step = channel.step_n / channel.den
    for value, end in ((channel.number(0) - step, 0), (channel.number(channel.top) + step, channel.top), (float("inf"), channel.top)):
        for quality, reported in ((0, 1), (1, 1), (2, 2), (3, 3)):
            got = decode(model, codec.encode(profile, record, STATES | {name: value}, quality, 0))
            assert got.values[name] == channel.number(end)
            assert got.quality == reported
    within = decode(model, codec.encode(profile, record, STATES | {name: channel.number(channel.top) + 0.4 * step}, 0, 0))
    assert (within.values[name], within.quality) == (channel.number(channel.top), Quality.GOOD)


@pytest.mark.parametrize(
    ("record", "values", "trust", "more", "word"),
    [
        ("state", {"cause": "boot"}, 0, {}, "state"),
        ("state", {"state": "asleep", "cause": "boot"}, 0, {}, "asleep"),
        ("state", {"state": 4, "cause": "boot"}, 0, {}, "state"),
        ("core", {"state": 0, "cause": 0}, 0, {}, "core"),
        ("state", {"state": 0, "cause": 0}, 1, {}, "stamp"),
        ("state", {"state": 0, "cause": 0}, 0, {"repeat": True}, "repeat"),
        ("state", {"state": 0, "cause": 0}, 3, {"repeat": True}, "repeat"),
    ],
)
def test_an_application_that_does_not_fit_its_profile_is_told(record: str, values: dict, trust: int, more: dict, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        codec.encode(compile_profile("parking"), record, values, 0, trust, **more)


def test_unknown_flag_names_are_refused_and_known_ones_set_their_bits() -> None:
    profile, model = compile_profile("bins"), load_profile("bins")
    got = decode(model, codec.encode(profile, "full", {"alarms": ("no_echo", "fire")}, 0, 0))
    assert got.values["alarms"] == ["fire", "no_echo"]
    with pytest.raises(ConfigError, match="alarms"):
        codec.encode(profile, "full", {"alarms": ("smoke",)}, 0, 0)


@pytest.mark.parametrize(
    ("name", "record", "live"),
    [
        ("parking", "state", 2),
        ("parking", "full", 4),
        ("bins", "full", 6),
        ("air", "core", 11),
        ("air", "full", 15),
        ("light", "core", 11),
        ("light", "full", 15),
    ],
)
def test_sizes_are_those_promised(name: str, record: str, live: int) -> None:
    profile = compile_profile(name)
    assert codec.size(profile, record) == live == len(codec.encode(profile, record, STATES, 0, 0))
    assert codec.size(profile, record, True) == live + 5 == len(codec.encode(profile, record, STATES, 0, 2, 1))


def random_profile(rng: random.Random) -> Profile:
    """A profile as a stranger might write it: any number, one to twelve own channels of any kind, one to three records."""
    channels, rows = [], []
    for i in range(rng.randint(1, 12)):
        kind = rng.choice(("number", "number", "enum", "flags"))
        if kind == "number":
            low, step = rng.randint(-5000, 5000), rng.choice(("0.001", "0.25", "0.3", "1", "7", "125"))
            high = Fraction(low) + Fraction(step) * rng.randint(1, 2 ** rng.randint(1, 22) - 2 or 1)
            rows.append(f'unit = "1"\nmin = {low}\nmax = {float(high)!r}\nstep = {step}')
        else:
            names = [f"n{k}" for k in range(rng.randint(1, 9))]
            missing = "missing = true\n" if kind == "enum" and rng.random() < 0.5 else ""
            rows.append(f"{'states' if kind == 'enum' else 'flags'} = {names}\n{missing}" + ("bits = 10" if rng.random() < 0.3 else ""))
        rows[-1] = f'[channel.c{i}]\ntitle = "x"\n' + rows[-1]
        channels.append(f'{{ name = "c{i}", since = 0 }}')
    text = f'title = "x"\nnumber = {rng.choice((1, 14, 128, 255))}\nversion = {rng.randrange(4)}\nchannels = [{", ".join(channels)}]\n'
    return parse_profile(TomlFile(Path("stranger.toml"), f'{text}[records]\nall = "c{len(channels) - 1}"\n' + "\n".join(rows)))


def test_profiles_of_other_people_go_through_firmware_and_host_alike() -> None:
    rng = random.Random(1)
    for _ in range(200):
        profile = random_profile(rng)
        for _ in range(10):
            codes = [rng.choice((0, c.top, rng.randint(0, c.top), *([] if c.missing is None else [c.missing]))) for c in profile.channels]
            pairs = list(zip(profile.channels, codes, strict=True))
            values = {c.name: None if code == c.missing else c.number(code) if c.kind == "number" else code for c, code in pairs}
            quality, trust = Quality(rng.randrange(4)), Trust(rng.randrange(4))
            stamp = rng.randrange(2**32) if trust.stamped else None
            message = encode(profile, "all", values, quality, trust, stamp, False, 5)
            assert codec.encode(profile.compiled(), "all", values, quality, trust, stamp, False, 5) == message
            assert list(decode(profile, message).values.values()) == [c.decode(code)[0] for c, code in pairs]
