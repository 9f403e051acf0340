"""A node file with channels of its own is a profile: encoder, decoders and commands take it as one."""

import json
import re

import pytest
import quickjs
from typer.testing import CliRunner

from kerb import codec as firmware_codec
from kerbstone.cli import app as cli
from kerbstone.codec import Quality, Trust, compile_profile, decode, decode_any, encode, load_profile, profile_names
from kerbstone.codec.generated import profile_files
from kerbstone.errors import CodecError, NodeFileError
from kerbstone.paths import boards_dir

VALUES = {
    "cause": "event", "alarms": ["power_w_high", "tamper_high"], "power_w": 5002, "mains_v": 231.5, "energy_kwh": 12345.6, "level_m": 3.21,
    "water_c": -4.5, "soil_pct": None, "water_l": 1234560, "tamper": 1, "pressure_bar": 3.99, "door": 0,
}  # fmt: skip
FILE = boards_dir() / "nodes" / "terminal.toml"


def message(trust=Trust.LIVE, stamp=None):
    return encode(load_profile("terminal"), "full", VALUES, Quality.GOOD, trust, stamp)


def test_names_units_and_steps_are_those_of_the_node_file():
    decoded = decode(load_profile("terminal"), message())
    assert decoded.values == VALUES
    assert decoded.units["energy_kwh"] == "kW.h" and decoded.units["water_c"] == "Cel" and decoded.profile == "terminal"


def test_firmware_and_host_pack_the_same_bytes():
    for value in range(0, 8000, 97):
        values = VALUES | {"power_w": value, "level_m": value / 801}
        ours = firmware_codec.encode(compile_profile("terminal"), "full", values, 0, 0)
        assert ours == encode(load_profile(FILE), "full", values, Quality.GOOD, Trust.LIVE)


def test_the_other_decoders_refuse_it_and_are_not_disturbed_by_it():
    assert "terminal" not in profile_names()
    with pytest.raises(CodecError, match="profile number 128"):
        decode_any(map(load_profile, profile_names()), message())
    assert decode_any(map(load_profile, profile_names()), "1004a1ec").profile == "parking"


@pytest.mark.parametrize(("trust", "stamp"), [(Trust.LIVE, None), (Trust.STAMPED, 1_775_174_400)])
def test_the_generated_decoder_agrees_with_the_host(trust, stamp):
    files = profile_files(load_profile("terminal"))
    assert set(files) == {"terminal.js", "terminal.schema.json"}
    script = files["terminal.js"] + "\nfunction run(text) { return JSON.stringify(decodeUplink({bytes: JSON.parse(text), fPort: 2})); }\n"
    said = json.loads(quickjs.Function("run", script)(json.dumps(list(message(trust, stamp)))))
    assert said == {"data": decode(load_profile("terminal"), message(trust, stamp)).data(), "warnings": [], "errors": []}


def test_commands_take_the_node(tmp_path):
    run = CliRunner().invoke
    for profile in ("terminal", str(FILE)):
        done = run(cli, ["decode", profile, message().hex(), "--json"])
        assert done.exit_code == 0 and json.loads(done.stdout)["data"]["values"] == VALUES
    assert run(cli, ["encode", "terminal", "cause=boot", "alarms=none", "power_w=10"]).exit_code == 0
    assert run(cli, ["generate", "terminal", "--out", str(tmp_path)]).exit_code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["terminal.js", "terminal.schema.json"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("step = 0.5", "step = 0.3", r"own\.toml:\d+: .*app\.channels\.mains_v is no whole number of steps"),
        ("number = 128 ", "number = 3 ", r"own\.toml:\d+: app\.number = 3 is not free"),
        ("[app.channels.door]", "[app.channels.alarms]", r"own\.toml:\d+: app\.channels\.alarms is part of every message"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, old, new, words):
    path = tmp_path / "own.toml"
    text = FILE.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(NodeFileError) as caught:
        load_profile(str(path))
    assert re.match(words, str(caught.value)), caught.value
