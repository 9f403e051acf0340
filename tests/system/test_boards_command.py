"""`kerbstone boards` as a person and a machine use it, and the warnings of `emulate`."""

import json
import os
import subprocess
import sys

from kerbstone.paths import boards_dir


def kerbstone(*words):
    command = [sys.executable, "-m", "kerbstone", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(os.environ), check=False)


def test_the_list_marks_an_unconfirmed_sleep_current():
    lines = kerbstone("boards").stdout.splitlines()
    heltec = next(line for line in lines if "heltec_wifi_lora_32_v3" in line).split()
    assert heltec == ["heltec_wifi_lora_32_v3", "esp32s3", "sx1262", "8", "24", "ESP32_GENERIC_S3"]
    assert "75 ?" in next(line for line in lines if "lilygo_t3_s3" in line)


def test_the_list_for_machines_has_a_row_a_board():
    rows = json.loads(kerbstone("boards", "--json").stdout)
    files = {p.stem for p in boards_dir().glob("*.toml")} - {"cells", "sources"}
    assert {row["name"] for row in rows} == files
    assert next(r for r in rows if r["name"] == "lilygo_t_a7670")["modem"] == "A7670"


def test_one_board_shows_values_sources_and_pins():
    done = kerbstone("boards", "heltec_wifi_lora_32_v3", "--json")
    shown = json.loads(done.stdout)
    values = {v["key"]: v for v in shown["values"]}
    assert values["current_ua.deep_sleep"] == {"key": "current_ua.deep_sleep", "value": 24, "sources": ["S9"], "unconfirmed": False}
    assert values["current_ua.active"]["unconfirmed"] is True
    assert set(shown["sources"]) == {tag for v in shown["values"] for tag in v["sources"]}
    pin = next(p for p in shown["pins"] if p["pin"] == 14)
    assert pin["uses"] == ["radio.dio1"] and "wake" in pin["can"]
    text = kerbstone("boards", "heltec_wifi_lora_32_v3").stdout
    assert "current_ua.deep_sleep" in text and "radio.dio1" in text and "ropg/heltec_esp32_lora_v3" in text


def test_an_unknown_board_is_answered_with_the_nearest():
    for word, near in (("pcio_w", "'pico_w'"), ("heltec", "'heltec_wifi_lora_32_v3' or 'heltec_wifi_lora_32_v4'")):
        done = kerbstone("boards", word)
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr.strip() == f"kerbstone: There is no board {word!r}: did you mean {near}?"


def test_emulate_prints_a_warning_and_runs_all_the_same(tmp_path):
    text = (boards_dir() / "nodes" / "light.toml").read_text() + '\n[battery]\ncell = "inr18650_35e"\n'
    (tmp_path / "mine.toml").write_text(text)
    done = kerbstone("emulate", str(tmp_path / "mine.toml"), "--for", "1m")
    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1 and "in 7 days" in warned[0]
    assert "(rule sleep-current; boards/pico_w.toml, current_ua.active = 20000)" in warned[0]
