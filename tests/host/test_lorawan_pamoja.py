"""The firmware against pamoja, a LoRaWAN implementation by others: frames, and whole exchanges over Semtech UDP in every region."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pamoja = pytest.importorskip("pamoja._native")
from lorawan_bench import BIN
from pamoja_server import PamojaServer, link_adr

from kerbstone.build.node import load_node
from kerbstone.build.regions import region_table
from kerbstone.emulator.identity import mint
from kerbstone.emulator.lns import Lns
from kerbstone.emulator.run import run

ROOT = Path(__file__).parents[2]
REGIONS = {"EU868": "EU868", "US915": "US915", "AU915": "AU915", "AS923-1": "AS923", "KR920": "KR920", "IN865": "IN865"}
HOUR_US = 3_600_000_000

def micropython():
    return os.environ.get("MICROPYTHON") or shutil.which("micropython") or os.path.join(sys.prefix, "bin", "micropython")


# -- tables ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", REGIONS)
def test_the_tables_say_what_pamoja_says(region):
    ours, plan = region_table(region), pamoja.ChannelPlan.for_region(REGIONS[region])
    info, rules = plan.info(), plan.rules()
    assert ours["rx2"] == [info.rx2_frequency_hz, info.rx2_data_rate]
    assert ours["power_step_db"] == info.tx_power_step_db and ours["max_power_index"] == info.max_tx_power_index
    assert len(ours["rx1_dr"][0]) == info.max_rx1_data_rate_offset + 1
    assert ours["tx_param_setup"] == rules.tx_param_setup and (ours["channel_slots"] == 0) == (rules.kind == "fixed")
    assert ours["max_eirp_dbm"] == info.default_max_eirp_dbm + (region == "IN865"), "RP002-1.0.5 takes one dB from India"
    blocks = plan.channel_blocks("default")
    theirs = [b.start_hz + i * b.step_hz for b in blocks for i in range(b.count)]
    assert [first + i * step for first, step, count, _, _ in ours["channels"] for i in range(count)] == theirs
    for index, hz in enumerate(theirs):
        down = ours.get("downlink")
        assert plan.rx1_frequency_hz(index, hz) == (down[0] + index % down[2] * down[1] if down else hz)
    for dr, row in enumerate(ours["data_rates"]):
        for direction in ("uplink", "downlink"):
            rate = plan.data_rate(dr, direction)
            there = dr >= ours["down_dr"][0] if direction == "downlink" else dr < len(ours["rx1_dr"])
            if row[0] and there and rate and rate.kind == "lora":
                assert (row[0], row[1]) == (rate.spreading_factor, rate.bandwidth_hz), (dr, direction)
                assert plan.max_payload(dr, f"{direction}_direct").application == row[2], (dr, direction)
        limited = plan.max_payload(dr, "dwell_limited") if info.has_dwell_limited_payloads else None
        if row[0] and limited and len(row) > 3 and dr < 5:  # from DR5 on pamoja allows 222 bytes, RP002-1.0.3 and LoRaMac-node 242
            assert limited.application == row[3], dr
    for dr, row in enumerate(ours["rx1_dr"]):
        for offset, down_dr in enumerate(row):
            if ours["data_rates"][dr][0]:
                assert plan.rx1_data_rate(dr, offset) == down_dr, (dr, offset)
                if info.has_dwell_limited_rx1:
                    assert plan.rx1_data_rate(dr, offset, True) == max(down_dr, ours["dwell_dr"])


# -- frames ----------------------------------------------------------------------------------------------------------------


def frames_of(count, seed):
    """Frames both ways as pamoja makes them, with what went into them."""
    rng = random.Random(seed)
    out = []
    for i in range(count):
        address, keys = rng.getrandbits(32), [rng.randbytes(16), rng.randbytes(16)]
        session = pamoja.LorawanSession(address, *keys)
        fcnt = rng.choice((rng.getrandbits(16), rng.getrandbits(32)))
        port, confirmed, ack = rng.randint(1, 223), rng.random() < 0.3, rng.random() < 0.3
        payload, fopts = rng.randbytes(rng.randint(0, 60)), rng.randbytes(rng.randint(0, 15))
        row = {"address": address, "keys": [k.hex() for k in keys], "fcnt": fcnt, "port": port, "confirmed": confirmed, "ack": ack}
        row |= {"payload": payload.hex(), "fopts": fopts.hex(), "up": i % 2 == 0}
        encode = session.encode_uplink if row["up"] else session.encode_downlink
        row["phy"] = bytes(encode(fcnt, port, payload, confirmed=confirmed, ack=ack, fopts=fopts)).hex()
        out.append(row)
    return out


def test_ten_thousand_frames_agree_on_the_nodes_own_interpreter(tmp_path):
    """5,000 each way: uplinks byte for byte, downlinks field for field; and one flipped bit is never taken."""
    task = tmp_path / "frames.json"
    task.write_text("\n".join(json.dumps(row) for row in frames_of(10_000, 1)))
    done = subprocess.run(
        [micropython(), "-X", "heapsize=128wk", str(ROOT / "tests/firmware/lorawan_frames.py"), str(task)],
        env={**os.environ, "MICROPYPATH": str(ROOT / "firmware")}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == {"up": 5000, "down": 5000, "refused": 5000, "wrong": []}


# -- whole exchanges -------------------------------------------------------------------------------------------------------


def script(region):
    """What the server says after the first, second, ... data frame."""
    command = pamoja.LorawanMacCommand
    plan = pamoja.ChannelPlan.for_region(REGIONS[region])
    fixed = plan.rules().kind == "fixed"
    rx2_hz, rx2_dr = plan.rx2()
    first = [link_adr(3, 0x0002, 5) if fixed else link_adr(3, 0x0003, 0), command(0x06, "Downlink")]
    second = [command(0x05, "Downlink", rx1_offset=0, rx2_data_rate=rx2_dr, frequency_hz=rx2_hz), command(0x08, "Downlink", delay=1)]
    third = [command(0x06, "Downlink")]
    if not fixed:
        hz = plan.channel_frequency_hz(0)
        third.append(command(0x07, "Downlink", index=4, frequency_hz=hz, min_data_rate=0, max_data_rate=5))
        third.append(command(0x0A, "Downlink", index=4, frequency_hz=hz))
    return [first, second, third, b"hello", None, None]


def test_a_server_that_takes_its_time_is_waited_for(tmp_path):
    """Most servers acknowledge first and answer when they have gathered the copies of a frame."""
    path = tmp_path / "bin.toml"
    path.write_text(BIN.format(region="EU868", confirm="none", gateway_m=100.0))
    server = PamojaServer("EU868", mint(1, "bin"), [b"now", b"then", b"again"], late_s=0.1)
    server.start()
    try:
        run([load_node(str(path))], 1, 35 * 60_000_000, lns=Lns(server.address, wait_s=2.0))
    finally:
        server.close()
    assert server.outcomes == ["joined", "data", "data", "data", "data"] and server.wrong == []
    assert server.errors == ["NONE"] * 4, "every answer came before its window"


@pytest.mark.parametrize("region", REGIONS)
def test_a_node_joins_and_talks_with_a_foreign_server(region, tmp_path):
    path = tmp_path / "bin.toml"
    path.write_text(BIN.format(region=region, confirm="none", gateway_m=100.0))
    server = PamojaServer(REGIONS[region], mint(1, "bin"), script(region))
    server.start()
    try:
        hours = 8 if region in ("US915", "AU915") else 3  # of 72 channels its gateway hears nine, until it is told
        result = run([load_node(str(path))], 1, hours * HOUR_US, lns=Lns(server.address, wait_s=0.0)).nodes[0]
    finally:
        server.close()
    assert server.wrong == [] and set(server.errors) == {"NONE"}
    assert server.outcomes[0] == "joined" and server.outcomes.count("joined") == 1
    assert len(server.payloads) >= 6 and not server.script, "every step was taken"
    assert result.decoded == sum(1 for payload in server.payloads if payload), "each frame once"
    status = {a.cid: a for a in server.answers}
    adr = status[3]
    assert adr.power_ack and adr.data_rate_ack and adr.channel_mask_ack
    assert -32 <= status[6].snr_margin <= 31 and status[6].battery is not None
    assert status[5].rx1_offset_ack and status[5].rx2_data_rate_ack and status[5].channel_ack
    assert 8 in status
    if region not in ("US915", "AU915"):
        assert status[7].data_rate_range_ok and status[7].frequency_ok
        assert status[0x0A].frequency_ok and status[0x0A].uplink_frequency_exists
    sticky = [a.cid for a in server.answers]
    assert sticky.count(3) == 1 and sticky.count(5) == 1, "a downlink ends the repetition of an answer"
