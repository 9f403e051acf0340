"""The virtual board's NVS is the format of Espressif's own generator, byte for byte, and firmware's writes land in it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from kerbstone.bench.esp.nvs import NvsPartition, pack, parse
from kerbstone.emulator.board.nvs import NvsFull

SIZE = 0x6000


def generated(folder: Path, rows: list[str]) -> bytes:
    (folder / "nvs.csv").write_text("key,type,encoding,value\n" + "\n".join(rows) + "\n")
    command = [sys.executable, "-m", "esp_idf_nvs_partition_gen", "generate", str(folder / "nvs.csv"), str(folder / "nvs.bin"), hex(SIZE)]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / "nvs.bin").read_bytes()


def test_espressifs_partitions_are_read_and_packed_byte_for_byte(tmp_path: Path):
    blobs = {name: os.urandom(size) for name, size in (("small", 20), ("identity", 900), ("large", 1950))}
    rows = ["kerb,namespace,,", *(f"{name},data,hex2bin,{data.hex()}" for name, data in blobs.items()), "count,data,i32,-77",
            "other,namespace,,", "text,data,string,hello"]
    image = generated(tmp_path, rows)
    assert pack(parse(image), SIZE) == image
    partition = NvsPartition(tmp_path / "nvs.bin", 0, SIZE)
    assert {name: partition.get("kerb", name) for name in blobs} == blobs
    assert partition.get("kerb", "count") == -77
    assert partition.get("other", "small") is None and partition.get("nobody", "small") is None


def test_what_is_written_is_read_back_beside_what_was_there(tmp_path: Path):
    generated(tmp_path, ["other,namespace,,", "text,data,string,hello"])
    partition, rng, model = NvsPartition(tmp_path / "nvs.bin", 0, SIZE), random.Random(3), {}
    for _ in range(60):
        space, key = rng.choice("ab"), f"k{rng.randrange(6)}"
        value = rng.choice([None, rng.randrange(-(1 << 31), 1 << 31), rng.randbytes(rng.choice((0, 1, 31, 32, 33, 900)))])
        partition.set(space, key, value)
        model[space, key] = value
        assert all(partition.get(*where) == kept for where, kept in model.items())
    assert any(item.key == "text" for item in parse((tmp_path / "nvs.bin").read_bytes())), "a stranger's entry stays"


def test_a_full_partition_refuses_and_keeps_what_it_has(tmp_path: Path):
    generated(tmp_path, ["kerb,namespace,,"])
    partition = NvsPartition(tmp_path / "nvs.bin", 0, SIZE)
    partition.set("kerb", "kept", b"here")
    with pytest.raises(NvsFull):
        partition.set("kerb", "big", b"x" * SIZE)
    assert partition.get("kerb", "kept") == b"here" and partition.get("kerb", "big") is None


def test_a_damaged_entry_is_left_out(tmp_path: Path):
    image = bytearray(generated(tmp_path, ["kerb,namespace,,", f"a,data,hex2bin,{'11' * 40}", f"b,data,hex2bin,{'22' * 40}"]))
    image[image.index(b"\x11" * 40)] ^= 1
    (tmp_path / "nvs.bin").write_bytes(image)
    partition = NvsPartition(tmp_path / "nvs.bin", 0, SIZE)
    assert partition.get("kerb", "a") is None and partition.get("kerb", "b") == b"\x22" * 40
