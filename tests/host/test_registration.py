"""Device profiles for network servers: ChirpStack's own message takes ours, The Things Stack's rules hold, and decoders run in QuickJS."""

import json
import os
import re

import pytest
import quickjs
import yaml
from typer.testing import CliRunner

from kerbstone.build.node import load_node
from kerbstone.build.regions import names
from kerbstone.cli import app
from kerbstone.codec import Quality, Trust, encode, load_profile
from kerbstone.errors import KerbstoneError
from kerbstone.registration.chirpstack import device_profile
from kerbstone.registration.things_stack import entries, identifier
from kerbstone.registration.traits import traits

NODE = """
[node]
board = "heltec_wifi_lora_32_v3"
app = "{app}"
title = "Node of the street"
{profile}
[parts.battery]
driver = "battery"
period_s = 1800
[uplink]
kind = "lorawan"
region = "{region}"
port = 7
class = "{cls}"
"""
# From schema.json of TheThingsNetwork/lorawan-devices (2026-11): what the parser of the repository insists on.
ID = re.compile(r"^[a-z0-9](?:-?[a-z0-9]){2,}$")
REGIONS = {"EU863-870", "US902-928", "AU915-928", "AS923", "KR920-923", "IN865-867"}
REGIONAL_OF_104 = {"RP002-1.0.0", "RP002-1.0.1"}
SENSORS = {
    "battery", "temperature", "level", "distance", "particulate matter", "pm2.5", "pm10", "tvoc", "humidity", "pressure", "iaq", "co2",
    "no2", "o3", "co", "light", "power", "energy", "voltage", "current",
}  # fmt: skip
PROFILE_KEYS = {"supportsClassB", "supportsClassC", "macVersion", "regionalParametersVersion", "supportsJoin", "maxEIRP"}


def absent(name):
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not there: pip install it, as pyproject.toml says")
    pytest.skip(f"{name} is not there")


def node(folder, region="EU868", profile="bins", cls="A", name="node_of-street"):
    path = folder / f"{name}.toml"
    path.write_text(NODE.format(region=region, app="bins", profile=f'profile = "{profile}"', cls=cls))
    return traits(load_node(str(path)))


def decoder(script):
    return quickjs.Function("run", script + "function run(text) { return JSON.stringify(decodeUplink(JSON.parse(text))); }")


# -- ChirpStack ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("region", "cls"), [*((region, "A") for region in names()), ("EU868", "C")])
def test_chirpstacks_own_message_takes_the_profile(tmp_path, region, cls):
    try:
        from chirpstack_api.api import device_profile_pb2
        from google.protobuf import json_format
    except ImportError:
        absent("chirpstack-api")
    made = node(tmp_path, region, cls=cls)
    body = device_profile(made, "52f14cd4-c6f1-4fbd-8f87-4025e1d49242")
    request = json_format.ParseDict(body, device_profile_pb2.CreateDeviceProfileRequest())
    profile = request.device_profile
    assert profile.tenant_id == "52f14cd4-c6f1-4fbd-8f87-4025e1d49242" and profile.name == "Node of the street"
    enum = profile.DESCRIPTOR.fields_by_name
    assert enum["region"].enum_type.values_by_number[profile.region].name == region.removesuffix("-1").replace("-", "_")
    assert enum["mac_version"].enum_type.values_by_number[profile.mac_version].name == "LORAWAN_1_0_4"
    assert enum["reg_params_revision"].enum_type.values_by_number[profile.reg_params_revision].name == "RP002_1_0_3"
    assert profile.supports_otaa and not profile.supports_class_b and profile.supports_class_c == (cls == "C")
    assert bool(profile.class_c_timeout) == (cls == "C") and profile.uplink_interval == 1800
    assert {m.name for m in profile.measurements.values()} == {c.title for c in load_profile("bins").channels}


@pytest.mark.parametrize("profile", ["parking", "bins", "air", "light"])
def test_the_measurements_of_chirpstack_are_there_in_what_the_decoder_gives(tmp_path, profile):
    made = device_profile(node(tmp_path, profile=profile))["deviceProfile"]
    known = load_profile(profile)
    values = {c.name: c.number(1) if c.kind == "number" else [c.names[0]] if c.kind == "flags" else c.names[0] for c in known.channels}
    message = encode(known, list(known.cuts)[-1], values, Quality.GOOD, Trust.LIVE)
    got = json.loads(decoder(made["payloadCodecScript"])(json.dumps({"bytes": list(message), "fPort": 7})))
    for name, measurement in made["measurements"].items():
        value = got["data"]["values"][name.removeprefix("values_")]
        assert isinstance(value, (int, float)) == (measurement["kind"] == "GAUGE")


# -- The Things Stack ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "profile"), [*((region, "bins") for region in names()), *(("EU868", profile) for profile in ("parking", "air", "light"))]
)
def test_the_entries_keep_the_rules_of_the_device_repository(tmp_path, region, profile):
    made = node(tmp_path, region, profile, "C" if profile == "light" else "A")
    files = entries(made)
    index = yaml.safe_load(files["index.yaml"])
    (device,) = index["endDevices"]
    assert ID.match(device) and len(device) <= 36
    (row,) = index["profileIDs"].values()
    assert row["endDeviceID"] == device and row["region"] in REGIONS
    end_device = yaml.safe_load(files[f"{device}.yaml"])
    assert end_device["name"] and set(end_device["sensors"]) <= SENSORS
    (firmware,) = end_device["firmwareVersions"]
    assert isinstance(firmware["version"], str) and firmware["version"] == row["firmwareVersion"]
    ((where, names_),) = firmware["profiles"].items()
    assert where == row["region"] and ID.match(names_["id"]) and ID.match(names_["codec"]) and len(names_["id"]) <= 36
    lorawan = yaml.safe_load(files[f"{names_['id']}.yaml"])
    assert lorawan.keys() >= PROFILE_KEYS and lorawan["macVersion"] == "1.0.4"
    assert lorawan["regionalParametersVersion"] in REGIONAL_OF_104 and isinstance(lorawan["maxEIRP"], int)
    assert ("classCTimeout" in lorawan) == lorawan["supportsClassC"] == (profile == "light")
    codec = yaml.safe_load(files[f"{names_['codec']}.yaml"])["uplinkDecoder"]
    run = decoder(files[codec["fileName"]])
    assert len(codec["examples"]) == len(load_profile(profile).cuts)
    for example in codec["examples"]:
        assert json.loads(run(json.dumps(example["input"]))) == example["output"]
        assert all(0 <= byte <= 255 for byte in example["input"]["bytes"]) and example["input"]["fPort"] == 7


@pytest.mark.parametrize("name", ["a", "A_b", "--", "x" * 60, "street__bin--2", "bay-" * 12])
def test_any_name_becomes_an_identifier(name):
    got = identifier(name)
    assert ID.match(got) and len(got) <= 36


def test_a_second_node_joins_the_vendors_index_and_the_same_one_keeps_its_number(tmp_path):
    first = entries(node(tmp_path, name="first"))["index.yaml"]
    both = entries(node(tmp_path, name="second"), first)["index.yaml"]
    again = yaml.safe_load(entries(node(tmp_path, "US915", name="first"), both)["index.yaml"])
    assert again["endDevices"] == ["first", "second"]
    assert {n: (row["endDeviceID"], row["region"]) for n, row in again["profileIDs"].items()} == {
        "1": ("first", "US902-928"), "2": ("second", "EU863-870"),
    }  # fmt: skip
    for text in ("[1]", "a: [", "profileIDs: {x: 1}", "endDevices: 5"):
        with pytest.raises(KerbstoneError, match=r"index\.yaml cannot be read"):
            entries(node(tmp_path), text)


# -- the command ---------------------------------------------------------------------------------------------------------------


def cli(*words):
    return CliRunner().invoke(app, ["profile", *words])


def test_the_command_writes_files_or_prints_json(tmp_path):
    done = cli("bins", "--for", "chirpstack", "--out", str(tmp_path))
    assert done.exit_code == 0 and done.output == f"wrote {tmp_path}/bins-chirpstack.json\n"
    assert json.loads((tmp_path / "bins-chirpstack.json").read_text()) == json.loads(cli("bins", "--for", "chirpstack", "--json").output)
    assert cli("bins", "--for", "tts", "--out", str(tmp_path), "--vendor", "My City").exit_code == 0
    assert sorted(p.name for p in (tmp_path / "my-city").iterdir()) == [
        "bins-codec.yaml", "bins-profile.yaml", "bins.js", "bins.yaml", "index.yaml",
    ]  # fmt: skip
    printed = json.loads(cli("bins", "--for", "tts", "--json").output)
    assert {name.removeprefix("kerbstone/") for name in printed} == {p.name for p in (tmp_path / "my-city").iterdir()}
    assert "Example: kerbstone profile" in cli("--help").output


@pytest.mark.parametrize(
    ("words", "say"),
    [
        (("air", "--for", "tts"), "mqtt"), (("nobody", "--for", "tts"), "no node"),
        (("bins", "--for", "tts", "--out", "/no/such"), "no folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_one_sentence_and_nothing_is_written(words, say, tmp_path):
    done = cli(*words)
    assert done.exit_code != 0 and isinstance(done.exception, KerbstoneError)
    assert say in str(done.exception) and "\n" not in str(done.exception)


def test_an_uplink_rate_the_region_has_not_is_refused(tmp_path):
    path = tmp_path / "node.toml"
    for dr, said in ((0, None), (5, None), (7, "no LoRa uplinks"), (12, "no LoRa uplinks"), (16, "less than or equal")):
        path.write_text(NODE.format(region="EU868", app="bins", profile="", cls="A") + f"dr = {dr}\n")
        if said is None:
            assert load_node(str(path)).spec.uplink.dr == dr
        else:
            with pytest.raises(KerbstoneError, match=said):
                load_node(str(path))
