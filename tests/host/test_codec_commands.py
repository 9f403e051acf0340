"""The commands decode, encode and generate, and the files generate writes."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from kerbstone.cli import decode, encode, generate
from kerbstone.codec import Trust, load_profile, profile_names
from kerbstone.codec import decode as decode_payload
from kerbstone.codec import encode as encode_values
from kerbstone.codec.generated import generated_files, json_schema, stale_files, write_files
from kerbstone.errors import CodecError, KerbstoneError
from kerbstone.paths import protocols_dir

APP = typer.Typer()
for module in (decode, encode, generate):
    APP.command(module.__name__.rsplit(".", 1)[-1])(module.command)


def run(*words: str) -> str:
    """What the command prints; raises what the command raises."""
    result = CliRunner().invoke(APP, list(words))
    if result.exception:
        raise result.exception
    return result.stdout


def test_encode_and_decode_are_inverse_on_the_command_line() -> None:
    payload = run("encode", "parking", "state=occupied", "cause=event", "battery_v=3.6", "temperature=21.5").strip()
    assert payload == "1004a1ec"
    shown = run("decode", "parking", "10 04 A1 EC")
    for word in ("parking full", "occupied", "3.6", "V", "21.5", "Cel", "quality good", "time live"):
        assert word in shown
    told = json.loads(run("decode", "any", f"0x{payload}", "--json"))
    assert told["data"]["values"] == {"state": "occupied", "cause": "event", "battery_v": 3.6, "temperature": 21.5}
    assert (told["warnings"], told["errors"]) == ([], [])


def test_encode_takes_flags_records_stamps_and_missing_values() -> None:
    words = ("bins", "fill=33", "temperature=missing", "alarms=tilted,fire", "--trust", "stamped", "--stamp", "1700000000", "--repeat")
    told = json.loads(run("encode", *words, "--seq", "5", "--quality", "warming", "--json"))
    data = json.loads(run("decode", "bins", told["hex"], "--json"))["data"]
    assert told["bytes"] == 11
    assert data["values"] == {"fill": 33, "distance_mm": None, "temperature": None, "battery_v": None, "alarms": ["tilted", "fire"]}
    assert (data["quality"], data["trust"], data["stamp"], data["repeat"], data["seq"]) == ("warming", "stamped", 1700000000, True, 5)
    assert "2023-11-14T22:13:20Z, number 5, repeat" in " ".join(run("decode", "bins", told["hex"]).split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["decode", "parking", "20 00"], "not of parking"),
        (["decode", "lamp", "10"], "there is no profile 'lamp'"),
        (["decode", "any", "50 00"], "number 5, not of air"),
        (["encode", "parking", "state"], "'state' is no assignment"),
        (["encode", "parking", "colour=red"], "has no channel 'colour'"),
        (["encode", "bins", "fill=full", "alarms=none"], "fill=full is not a number: give 0 to 100 %"),
        (["encode", "bins", "fill=101", "alarms=none"], "fill is 101, out of its range: give 0 to 100 %"),
        (["encode", "bins", "fill=1"], "alarms has no code for missing"),
        (["encode", "bins", "alarms=smoke"], "alarms has no flag 'smoke'"),
        (["encode", "bins", "alarms=none", "--quality", "fine"], "quality 'fine' does not exist: take one of good, suspect"),
        (["encode", "bins", "alarms=none", "--trust", "unsure"], "needs a stamp"),
    ],
)
def test_a_wrong_command_is_answered_in_one_sentence(words: list[str], sentence: str) -> None:
    with pytest.raises(KerbstoneError) as caught:
        run(*words)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["decode", "encode", "generate"])
def test_help_shows_an_example(name: str) -> None:
    assert f"Example: kerbstone {name}" in run(name, "--help")


def test_the_generated_files_in_the_repository_are_current() -> None:
    assert stale_files(protocols_dir() / "generated") == []


def test_generate_writes_only_what_changed_and_check_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "generated"
    monkeypatch.setattr(generate, "protocols_dir", lambda: tmp_path)
    with pytest.raises(CodecError, match=r"parking\.js"):
        run("generate", "--check")
    assert not folder.exists()
    run("generate")
    assert run("generate", "--check") == "generated files are up to date\n"
    (folder / "parking.js").write_text("old")
    (folder / "gone.js").write_text("of a profile that is no more")
    with pytest.raises(CodecError, match=r"stale in generated: gone\.js, parking\.js; run `kerbstone generate`"):
        run("generate", "--check")
    assert write_files(folder) == ["gone.js", "parking.js"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(generated_files())


def test_the_javascript_keeps_to_ecmascript_5() -> None:
    """The networks' engines differ; none of them lacks ES5."""
    for name, text in generated_files().items():
        if name.endswith(".js"):
            code = re.sub(r"//.*|\"(?:[^\"\\]|\\.)*\"", "", text)
            assert not re.search(r"\b(let|const|class|import|export|BigInt|async|of)\b|=>|`|\.\.\.|\d+n\b|\*\*", code), name
            assert "_TABLE" not in text and "PROFILE_FILE" not in text


def fits(schema: dict[str, Any], value: Any, where: str = "data") -> None:
    """The part of JSON Schema the generated schemas use."""
    kinds = {"object": dict, "array": list, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}
    assert not schema.keys() - {"$schema", "title", "description", "type", "enum", "const", "minimum", "maximum", "properties", "required",
                                "additionalProperties", "items", "uniqueItems"}  # fmt: skip
    types = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type")
    if types:
        assert any(isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool)) for kind in types), where
    assert "enum" not in schema or value in schema["enum"], where
    assert "const" not in schema or value == schema["const"], where
    if value is not None and "minimum" in schema:
        assert schema["minimum"] <= value <= schema["maximum"], where
    if isinstance(value, dict):
        assert set(schema["properties"]) >= value.keys() >= set(schema.get("required", ())), where
        for key, item in value.items():
            fits(schema["properties"][key], item, f"{where}.{key}")
    if isinstance(value, list):
        for item in value:
            fits(schema["items"], item, where)


@pytest.mark.parametrize("name", profile_names())
def test_decoded_messages_satisfy_their_json_schema_and_a_foreign_one_does_not(name: str) -> None:
    model, rng = load_profile(name), random.Random(name)
    schema = json.loads(json.dumps(json_schema(model)))
    for _ in range(300):
        codes = {c.name: rng.choice((0, c.top, rng.randint(0, c.top))) for c in model.channels}
        given = [c for c in model.channels if rng.random() < 0.8 or c.kind != "number"]
        values = {c.name: c.number(codes[c.name]) if c.kind == "number" else codes[c.name] for c in given}
        trust = rng.choice(list(Trust))
        message = encode_values(model, rng.choice(list(model.cuts)), values, trust=trust, stamp=5 if trust.stamped else None)
        fits(schema, decode_payload(model, message).data())
    other = load_profile("bins" if name == "air" else "air")
    foreign = encode_values(other, "full", {"alarms": []} if name == "air" else {})
    with pytest.raises(AssertionError):
        fits(schema, decode_payload(other, foreign).data())
