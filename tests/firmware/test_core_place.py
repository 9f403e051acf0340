"""place.json: the settings of a place over those of the node, in either interpreter; and a bay whose empty field is known."""

from __future__ import annotations

import json

import pytest
from app_runs import micropython, new_app

from kerb import config
from kerb.clock import Instant
from kerb.errors import ConfigError

CASES = {
    "none": (None, {"a": 1, "b": 2}),
    "nothing of the application": ('{"bay": "12"}', {"a": 1, "b": 2}),
    "one setting": ('{"bay": "12", "app": {"b": 3, "c": [1, 2]}}', {"a": 1, "b": 3, "c": [1, 2]}),
    "cut off": ('{"bay": "12", "app": {"b"', ConfigError),
    "another kind": ("[1]", ConfigError),
}


@pytest.mark.parametrize("case", CASES)
def test_the_place_goes_over_the_node(case, tmp_path):
    text, wanted = CASES[case]
    path = tmp_path / "place.json"
    if text is not None:
        path.write_text(text)
    table = {"app_settings": {"a": 1, "b": 2}}
    if wanted is ConfigError:
        with pytest.raises(ConfigError, match="commission the device again"):
            config.overlay(table, str(path))
        return
    config.overlay(table, str(path))
    assert table["app_settings"] == wanted
    script = (
        "import json\nfrom kerb import config\nt = {'app_settings': {'a': 1, 'b': 2}}\n"
        f"config.overlay(t, {str(path)!r})\nprint(json.dumps(t['app_settings']))"
    )
    assert json.loads(micropython(script, "")[0]) == wanted


def told(settings, field, temp_c=20.0):
    """What a bay reports first after power-on in a steady field."""
    app = new_app("parking", settings)
    for n in range(400):
        sample = {"bx_ut": field[0], "by_ut": field[1], "bz_ut": field[2], "chip_temp_c": temp_c, "quality": 0}
        reports = [effect for effect in app.step(sample, Instant(n // 8, None)) if effect[0] == "report"]
        if reports:
            return reports[0][3]["state"]
    raise AssertionError("nothing was told")


def test_a_car_that_stands_there_at_power_on_is_seen_when_the_empty_field_is_known():
    empty, car = [20.0, 5.0, -45.0], (32.0, -4.0, -30.0)
    assert told({}, car) == "free", "the field is as strong as the earth's"
    assert told({"empty_ut": empty, "empty_c": 20.0}, car) == "occupied"
    assert told({"empty_ut": empty, "empty_c": 20.0}, empty) == "free"
