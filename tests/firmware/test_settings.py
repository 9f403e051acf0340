"""Configuration in two phases, with the supply failing at every write; names and kinds of values."""

import pytest

from kerb import settings
from kerb.commands import Refused
from kerb.settings import Settings, checked, lay_over
from kerbstone import selfview

CONFIG = {"app": "light", "app_settings": {"level": 100}, "parts": {"lamp": {"period_s": 60}}}
DEFAULTS = {"level": 100, "lat": 0.0, "schedule": [], "summer_time": "none", "report_s": 900, "on": True}


class Cut(Exception):
    """The supply fails."""


class Flash:
    """Blobs that a cut leaves old or new; `cut_at`: the write it comes with, `after`: it was done."""

    def __init__(self, cut_at=-1, after=False):
        self.blobs, self.writes, self.cut_at, self.after = {}, 0, cut_at, after

    def put(self, name, data):
        self.writes += 1
        cut = self.writes == self.cut_at
        if not cut or self.after:
            self.blobs[name] = bytes(data)
        if cut:
            raise Cut

    def get(self, name):
        return self.blobs.get(name)


def life(flash):
    """Two trials, the first confirmed, the second taken back; what may be found at each moment."""
    kept = Settings(flash)
    kept.propose(1, {"level": 50}, 7, 60)
    kept.confirm()
    kept.propose(2, {"level": 20}, 9, 60)
    kept.count_start()
    kept.revert()


@pytest.mark.security("10")
@pytest.mark.parametrize("after", [False, True])
def test_a_cut_at_any_write_leaves_what_was_or_what_is(after):
    flash = Flash()
    life(flash)
    total = flash.writes
    found = set()
    for at in range(1, total + 1):
        flash = Flash(at, after)
        with pytest.raises(Cut):
            life(flash)
        kept = Settings(flash, flash.get(settings.NAME))
        state = kept.version, kept.values().get("level"), kept.on_trial
        assert state in {(0, None, False), (1, 50, True), (1, 50, False), (2, 20, True)}, state
        found.add(state)
        if kept.on_trial:
            kept.revert()
            assert (kept.version, kept.values().get("level")) in {(0, None), (1, 50)}
    assert total == 5 and len(found) == (3 if after else 4)


def test_a_node_that_keeps_starting_within_a_trial_takes_it_back():
    flash = Flash()
    kept = Settings(flash)
    kept.propose(3, {"level": 5}, 1, 60)
    starts = [Settings(flash, flash.get(settings.NAME)).count_start() for _ in range(settings.STARTS)]
    assert starts == [True] * settings.STARTS
    assert not Settings(flash, flash.get(settings.NAME)).count_start()


def test_one_trial_at_a_time_and_versions_only_rise():
    kept = Settings(Flash())
    kept.propose(5, {"level": 5}, 1, 60)
    with pytest.raises(Refused, match="busy"):
        kept.propose(6, {"level": 6}, 1, 60)
    kept.confirm()
    for version in (1, 5):
        with pytest.raises(Refused, match="old_version"):
            kept.propose(version, {"level": 7}, 1, 60)
    kept.propose(6, {"level": None}, 1, 60)
    assert kept.values() == {}


@pytest.mark.parametrize("raw", [b"", b"\xff", b"\xa0", b"\x80", b"\xa1\x61c\xa0", b"\xa2\x61c\xa0\x61v\x61x"])
def test_a_blob_that_is_none_is_the_configuration_as_built(raw):
    assert Settings(Flash(), raw).values() == {}


@pytest.mark.parametrize(
    ("given", "reason", "place"),
    [
        ({"colour": 1}, "no_key", 0), ({"level": 1, "colour": 1}, "no_key", 1), ({"a": 1, "level": 1}, "no_key", 0), ({5: 1}, "no_key", 0),
        ({"lamp.pin": 3}, "no_key", 0), ({"fan.period_s": 60}, "no_key", 0), ({"lamp.period_s": 5}, "bad_value", 0),
        ({"level": "50"}, "bad_value", 0), ({"level": True}, "bad_value", 0), ({"on": 1}, "bad_value", 0),
        ({"lat": "north"}, "bad_value", 0),
        ({"lat": "nan"}, "bad_value", 0), ({"lat": "inf"}, "bad_value", 0), ({"report_s": 1}, "bad_value", 0), ({}, "bad_value", 0),
        ({"report_s": 1 << 40}, "bad_value", 0), ({"schedule": "22:30"}, "bad_value", 0), ([1], "bad_value", 0), (None, "bad_value", 0),
    ],
)  # fmt: skip
@pytest.mark.security("14")
def test_a_name_or_a_value_the_node_does_not_have_is_refused_by_its_place(given, reason, place):
    with pytest.raises(Refused) as caught:
        checked(CONFIG, DEFAULTS, given)
    assert (caught.value.reason, caught.value.detail) == (reason, place)


def test_values_are_laid_over_and_the_built_configuration_stays():
    values = checked(CONFIG, DEFAULTS, {"lat": "36.125", "level": 40, "lamp.period_s": 30, "schedule": [["22:30", 50]], "on": False})
    assert values == {"lat": 36.125, "level": 40, "lamp.period_s": 30, "schedule": [["22:30", 50]], "on": False}
    new = lay_over(CONFIG, values)
    assert new["app_settings"]["level"] == 40 and new["parts"]["lamp"]["period_s"] == 30
    assert CONFIG["app_settings"] == {"level": 100} and CONFIG["parts"]["lamp"] == {"period_s": 60}


@pytest.mark.security("11")
def test_the_security_log_is_a_chain_and_a_changed_entry_breaks_it():
    from kerb import seclog
    from kerbstone.errors import CodecError

    flash = Flash()
    log = seclog.SecurityLog(flash)
    for i in range(30):
        log.note("revert", i * 100)
    for i in range(500):
        log.note("mac", 3000 + i)
    log.flush(9000)
    raw = flash.get(seclog.NAME)
    told = selfview.security_log(raw)
    assert len(told) == 12 and told[-1][2:] == ("mac", 500)
    assert flash.writes == 31, "what anybody can provoke is written once an hour"
    for at in range(len(raw)):
        broken = bytearray(raw)
        broken[at] ^= 1
        with pytest.raises(CodecError):
            selfview.security_log(bytes(broken))
