"""Firmware and bench network against npm's lora-packet: 5,000 frames each way, built by one and read by the other."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kerbstone.emulator.air import ns_crypto, ns_frames

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "js" / "frames.js"
EACH_WAY = 5000


def lora_packet(rows):
    done = subprocess.run(
        [shutil.which("node"), str(SCRIPT)], input="\n".join(map(json.dumps, rows)), capture_output=True, text=True, timeout=120, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def fields(count, seed):
    """What goes into frames, uplinks and downlinks in turn. The bench network always sets the ADR bit of a downlink, the firmware's
    `data_up` takes the control bits it is given."""
    rng, rows = random.Random(seed), []
    for i in range(count):
        up = i % 2 == 0
        rows.append({
            "address": rng.getrandbits(32), "keys": [rng.randbytes(16).hex(), rng.randbytes(16).hex()], "up": up,
            "fcnt": rng.choice((rng.getrandbits(16), rng.getrandbits(32))), "port": rng.randint(1, 223), "confirmed": rng.random() < 0.3,
            "ack": rng.random() < 0.3, "adr": not up, "pending": not up and rng.random() < 0.3,
            "payload": rng.randbytes(rng.randint(1, 60)).hex(), "fopts": rng.randbytes(rng.randint(0, 15)).hex(),
        })  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def rows():
    if not shutil.which("node") or not (SCRIPT.parent / "node_modules" / "lora-packet").is_dir():
        if os.environ.get("CI"):
            pytest.fail("lora-packet is not there: `npm ci --prefix tests/js`")
        pytest.skip("lora-packet is not there: `npm ci --prefix tests/js`")
    made = fields(2 * EACH_WAY, 1)
    return [row | said for row, said in zip(made, lora_packet(made), strict=True)]


def keys(row):
    return tuple(bytes.fromhex(key) for key in row["keys"])


def test_the_nodes_own_interpreter_builds_its_uplinks_and_reads_its_downlinks(rows, tmp_path):
    """Uplinks byte for byte, downlinks field for field; and one flipped bit is never taken."""
    task = tmp_path / "frames.json"
    task.write_text("\n".join(map(json.dumps, rows)))
    micropython = os.environ.get("MICROPYTHON") or shutil.which("micropython") or os.path.join(sys.prefix, "bin", "micropython")
    done = subprocess.run(
        [micropython, "-X", "heapsize=128wk", str(ROOT / "tests/firmware/lorawan_frames.py"), str(task)],
        env={**os.environ, "MICROPYPATH": str(ROOT / "firmware")}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == {"up": EACH_WAY, "down": EACH_WAY, "refused": EACH_WAY, "wrong": []}


def test_the_bench_network_reads_its_uplinks_and_builds_its_downlinks(rows):
    for row in rows:
        nwk, app = keys(row)
        payload, fopts, phy = bytes.fromhex(row["payload"]), bytes.fromhex(row["fopts"]), bytes.fromhex(row["phy"])
        if row["up"]:
            got = ns_frames.parse_uplink(phy)
            assert isinstance(got, ns_frames.DataUp) and got.genuine(nwk, row["fcnt"]) and not got.genuine(nwk, row["fcnt"] ^ 1 << 20)
            assert (got.dev_addr, got.port, got.confirmed, got.ack, got.fcnt16) == (
                row["address"], row["port"], row["confirmed"], row["ack"], row["fcnt"] & 0xFFFF,
            )  # fmt: skip
            assert got.fopts == fopts and ns_crypto.crypt(app, ns_crypto.UP, got.dev_addr, row["fcnt"], got.body) == payload
        else:
            built = ns_frames.build_data_down(
                nwk, app, row["address"], row["fcnt"], row["ack"], row["pending"], row["confirmed"], fopts, row["port"], payload
            )
            assert built == phy


def test_lora_packet_reads_what_the_bench_network_builds(rows):
    """Ports and payloads of MAC commands too: port 0 is encrypted with the network's key."""
    rng, mine = random.Random(2), []
    for row in rows[1:2000:2]:
        row = row | {"port": rng.choice((0, 1, 223))}
        if row["port"] == 0:
            row["fopts"] = ""
        built = ns_frames.build_data_down(
            *keys(row), row["address"], row["fcnt"], row["ack"], row["pending"], row["confirmed"], bytes.fromhex(row["fopts"]), row["port"],
            bytes.fromhex(row["payload"]),
        )  # fmt: skip
        mine.append(row | {"phy": built.hex()})
    for row, said in zip(mine, lora_packet(mine), strict=True):
        assert said.pop("genuine") is True and said.pop("fcnt16") == row["fcnt"] & 0xFFFF
        assert said == {name: row[name] for name in said}
