"""A built node: the same bytes again, everything accounted for, nothing on the board it cannot use, and it runs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kerbstone.build.node import load_node, ready_nodes
from kerbstone.build.package import pack, takes
from kerbstone.build.sbom import bill
from kerbstone.emulator import runtime
from kerbstone.emulator.run import run
from kerbstone.errors import EngineError
from kerbstone.paths import boards_dir

HOUR_US = 3_600_000_000


def test_the_same_inputs_give_the_same_file_in_another_process_too(tmp_path: Path):
    package = pack(load_node("parking"))
    environment = {**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo"}
    words = [sys.executable, "-m", "kerbstone", "build", "parking", "--out", str(tmp_path / "a.zip"), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert (tmp_path / "a.zip").read_bytes() == package.archive
    assert json.loads(done.stdout)["sha256"] == package.sha256 == hashlib.sha256(package.archive).hexdigest()


def test_the_manifest_names_every_file_as_it_is():
    package = pack(load_node("bins"))
    with zipfile.ZipFile(io.BytesIO(package.archive)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        files = {name.removeprefix("files"): archive.read(name) for name in archive.namelist() if name.startswith("files/")}
        document = archive.read("sbom.cdx.json").decode()
    assert files == package.files and set(manifest["files"]) == set(files)
    assert all(row == {"bytes": len(files[n]), "sha256": hashlib.sha256(files[n]).hexdigest()} for n, row in manifest["files"].items())
    assert manifest["sizes"]["bytes"] == sum(map(len, files.values())) < manifest["sizes"]["on_flash"] < manifest["sizes"]["file_system"]
    assert {"/boot.py", "/main.py", "/node.json", "/kerb/node.mpy", "/kerb/prove.mpy"} <= set(files)
    assert str(Path.cwd()) not in document + json.dumps(manifest)


def test_the_bill_of_materials_passes_the_makers_own_schema():
    try:
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("cyclonedx-python-lib is not installed: pip install -e .[test]")
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    document = bill(pack(load_node("light")).manifest)
    assert validator.validate_str(json.dumps(document)) is None


def test_a_board_carries_no_driver_it_has_no_use_for():
    parking, light = pack(load_node("parking")).files, pack(load_node("light")).files
    drivers = {name.split("/")[-1] for name in parking if name.startswith("/kerb/drivers/")}
    # "pins" is what drivers share, and a word of the configuration, too: the build cannot tell which is meant.
    assert drivers - {"pins.mpy"} == {"battery.mpy", "lis2mdl.mpy", "lis2mdl_ulp.mpy", "lis2mdl_code.mpy"}
    assert not any("/update/" in name or "ceiling" in name for name in parking), "it takes no updates and has no ceiling"
    assert not any("/mqtt" in name for name in parking) and not any("lorawan/mac" in name or "/radio/" in name for name in light)


@pytest.mark.parametrize("name", ready_nodes() if os.environ.get("KERBSTONE_CAMPAIGN") == "full" else ("air", "parking"))
def test_a_node_runs_with_the_files_of_its_package_alone(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime, "board_files", lambda node: dict(pack(node).files))
    told = run([load_node(name)], 3, HOUR_US).nodes[0]
    assert told.lost == 0 and told.decoded > 0


def test_a_name_with_a_hole_in_it_is_followed_to_what_listens(tmp_path: Path):
    text = (boards_dir() / "nodes" / "bins.toml").read_text().split("[battery]")[0]
    text = text.replace('kind = "lorawan"', 'kind = "lorawan"\nclass = "C"').split("[world]")[0] + "\n[policy]\ndeep_sleep = false\n"
    (tmp_path / "awake.toml").write_text(text)
    assert "/kerb/radio/sx1262_modes.mpy" in pack(load_node(str(tmp_path / "awake.toml"))).files
    assert "/kerb/radio/sx1262_modes.mpy" not in pack(load_node("bins")).files


def test_the_interpreter_must_take_the_compiled_files():
    package = pack(load_node("parking"))
    assert takes(0xB06, package) and takes(0x2B06, package)
    assert not takes(0x5, package) and not takes(0, package)


def test_what_does_not_fit_the_board_is_refused(monkeypatch: pytest.MonkeyPatch):
    node = load_node("parking")
    monkeypatch.setattr(node.board.filesystem, "size", 65_536)
    with pytest.raises(EngineError, match=r"its files take \d+ bytes of the 65536"):
        pack(node)
