"""Profile and channel files: what they may say, and the sentence for each mistake."""

from pathlib import Path

import pytest

from kerbstone.codec import compile_profile, load_profile, profile_names
from kerbstone.codec.catalogue import catalogue
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir, firmware_dir, protocols_dir

OWN = """title = "River level"
number = 130
version = 1
channels = [
    { name = "level_m", since = 0 },
    { name = "battery_v", since = 0 },
]
[records]
short = "level_m"
full = "battery_v"
[channel.level_m]
title = "Water level"
unit = "m"
min = -1
max = 19.46
step = 0.02
"""


def saved(folder: Path, old: str = "", new: str = "", name: str = "river.toml") -> Path:
    """The file above with one passage changed."""
    assert old in OWN
    path = folder / name
    path.write_text(OWN.replace(old, new, 1) if old else OWN, encoding="utf-8")
    return path


def test_a_profile_of_ones_own_lies_anywhere_and_brings_its_channels(tmp_path: Path) -> None:
    assert compile_profile(saved(tmp_path)) == {
        "name": "river",
        "id": 130,
        "version": 1,
        "revision": 0,
        "channels": [["level_m", "number", 11, 1023, 2047, -50, 1, 50], ["battery_v", "number", 6, 62, 63, 50, 1, 25]],
        "records": {"short": 1, "full": 2},
    }


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("number = 130", "number = 3", "river.toml:2: number 3 is not free for your own profile: take 128 to 255"),
        ("number = 130", "number = 15", "river.toml:2: a profile needs a number from 1 to 255"),
        ("version = 1", "version = 4", "river.toml:3: a profile needs a version from 0 to 3"),
        ("version = 1", "versoin = 1", "river.toml:3: unknown key 'versoin' in the profile"),
        ("version = 1", "version 1", "river.toml is not TOML: "),
        ('{ name = "battery_v", since = 0 }', '{ name = "batery_v", since = 0 }', "river.toml:6: there is no channel 'batery_v'"),
        ('{ name = "battery_v", since = 0 }', '{ name = "battery_v", sinse = 0 }', "river.toml:6: unknown key 'sinse' in channels"),
        ('{ name = "battery_v", since = 0 }', '{ name = "level_m", since = 0 }', "river.toml:5: channel level_m is listed twice"),
        ('{ name = "level_m", since = 0 }', '{ name = "level_m", since = 1 }', "river.toml:5: channel level_m needs a `since`"),
        ('full = "battery_v"', 'full = "temperature"', "river.toml:10: record full ends at 'temperature'"),
        ('full = "battery_v"', "", "river.toml:8: channel battery_v is in no record"),
        ('short = "level_m"', 'short = "battery_v"', "river.toml:8: two records end at the same channel"),
        ("step = 0.02", "step = 0.04", "river.toml:11: the range of channel.level_m is no whole number of steps"),
        ("step = 0.02", "step = 0.000001", "river.toml:11: channel.level_m takes 25 bits and 22 is the most"),
        ("step = 0.02", 'step = "fine"', "river.toml:11: channel.level_m needs a number for step"),
        ('unit = "m"', "", "river.toml:11: channel.level_m needs a unit"),
        ("[channel.level_m]", "[channel.pressure]", "river.toml:11: channel pressure is already in the catalogue"),
        ("unit =", 'states = ["a", "a"]\nunit =', "river.toml:14: unknown key 'unit' in channel.level_m"),
    ],
)
def test_a_mistake_is_named_by_file_and_line(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(NodeFileError) as caught:
        load_profile(saved(tmp_path, old, new))
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_records_that_no_length_could_tell_apart_are_refused(tmp_path: Path) -> None:
    """A flag of one bit more still fits the same byte."""
    path = saved(tmp_path, "[channel.level_m]", '[channel.lid]\ntitle = "x"\nflags = ["open"]\n[channel.level_m]')
    path.write_text(path.read_text().replace('"battery_v"', '"lid"'))
    with pytest.raises(NodeFileError, match=r"river.toml:8: records short \(1 channels\) and full \(2 channels\) both take 4 bytes"):
        load_profile(path)


def test_an_unknown_profile_names_those_there_are() -> None:
    names = "air, answer, bins, crash, health, light, log, node, parking, update"
    with pytest.raises(NodeFileError, match=rf"no profile 'river': take {names} or a path that ends in \.toml"):
        load_profile("river")
    with pytest.raises(NodeFileError, match=r"nowhere\.toml cannot be read"):
        load_profile("nowhere.toml")


def test_the_profiles_that_come_along_have_numbers_of_their_own_and_use_the_whole_catalogue() -> None:
    profiles = [load_profile(name) for name in profile_names()]
    numbers = sorted(profile.number for profile in profiles)
    # Applications from 1 on; from 9 on what a node says of itself.
    assert numbers == [1, 2, 3, 4, 9, 10, 11, 12, 13, 14]
    assert {channel.name for profile in profiles for channel in profile.channels} == set(catalogue())


OPTIONAL_STATES = {"air_index_rule"}  # the others must always be given


def test_every_channel_states_its_source_and_a_number_its_unit() -> None:
    for channel in catalogue().values():
        assert channel.source and channel.title
        assert bool(channel.unit) == (channel.kind == "number")
        assert channel.missing == ((1 << channel.bits) - 1 if channel.kind == "number" or channel.name in OPTIONAL_STATES else None)


def test_the_data_directories_are_found_in_this_clone() -> None:
    assert (firmware_dir() / "kerb" / "codec.py").is_file()
    assert (protocols_dir() / "channels.toml").is_file()
    assert boards_dir().name == "boards"
