"""Published test vectors, and the same firmware in two interpreters."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lorawan_checks import CHECKS, check, story
from lorawan_world import crypto

# isort: split
from kerb.uplink.lorawan import adr, frames, join
from kerb.uplink.lorawan.region import region_of
from kerb.uplink.lorawan.session import Session
from kerbstone.build.regions import region_table

ROOT = Path(__file__).parents[2]
CASES = json.loads((ROOT / "tests/conformance/data/lorawan_cases.json").read_text())
TABLE = region_table("EU868")


def case_of(kind: str) -> dict:
    return next(case for case in CASES if case["kind"] == kind)


def expected_of(case: dict) -> dict:
    """The expectation as the device sees it: RxDelay 0 means one second."""
    expected = dict(case["expected"])
    if "rx_delay" in expected:
        expected["rx_delay"] = expected["rx_delay"] or 1
    return expected


@pytest.mark.parametrize("case", [case for case in CASES if case["kind"] in CHECKS], ids=lambda case: case["id"] + "-" + case["kind"])
def test_firmware_agrees_with_the_published_vector(case):
    answer = check(case)
    known = {key: value for key, value in expected_of(case).items() if key in answer}
    assert known and known == {key: answer[key] for key in known}


def test_cmac_subkeys_of_rfc_4493():
    case = case_of("aes_cmac_subkeys")
    zero = crypto.block(bytes.fromhex(case["inputs"]["key"]), bytes(16))
    k1 = crypto._double(int.from_bytes(zero, "big"))
    k2 = crypto._double(k1)
    want = case["expected"]
    assert zero.hex() == want["aes128_of_zero"]
    assert [f"{k1:032x}", f"{k2:032x}"] == [want["k1"], want["k2"]]


def test_join_accept_mic_over_the_clear_text():
    case = case_of("join_accept_plain_mic")
    clear = bytes.fromhex(case["inputs"]["decrypted_phy"])
    assert crypto.cmac(bytes.fromhex(case["inputs"]["app_key"]), clear[:-4])[:4].hex() == case["expected"]["mic"]


def test_join_request_with_a_wrong_mic_differs_from_ours():
    case = case_of("join_request_mic_negative")
    phy = bytes.fromhex(case["inputs"]["phy_payload"])
    ours = frames.join_request((phy[16:8:-1], phy[8:0:-1], bytes.fromhex(case["inputs"]["app_key"])), phy[17] | phy[18] << 8)
    assert ours[:-4] == phy[:-4] and ours[-4:] != phy[-4:]


def test_join_request_layout_as_captured():
    case = case_of("join_request_parse")
    want = case["expected"]
    ours = frames.join_request((bytes.fromhex(want["dev_eui"]), bytes.fromhex(want["join_eui"]), bytes(16)), int(want["dev_nonce"], 16))
    assert ours[:-4] == bytes.fromhex(case["inputs"]["phy_payload"])[:-4]


def test_adr_backoff_thresholds():
    case = case_of("adr_backoff")
    region = region_of(TABLE)
    assert (region.adr_ack_limit, region.adr_ack_delay) == (case["inputs"]["adr_ack_limit"], case["inputs"]["adr_ack_delay"])
    session = Session(region, 0)
    session.dr, session.power, session.mask, session.nb_trans = 4, 3, 0x100, 3
    session.channels[8] = [867900000, 867900000, 0, 5]
    request, power, rates, restored = None, None, [], None
    for uplink in range(1, 300):
        if request is None and adr.control_bits(session, region, True) & 0x40:
            request = uplink
        if power is None and session.power == 0:
            power = uplink
        if restored is None and session.mask == 0x107 and session.nb_trans == 1:
            restored = uplink
        before = session.dr
        adr.advance(session, region, True, False)
        if session.dr < before:
            rates.append(uplink + 1)
    want = case["expected"]
    assert (request, power, rates) == (want["adr_ack_req_first_at"], want["tx_power_to_default_at"], want["dr_lowered_at"])
    assert restored == rates[-1] + region.adr_ack_delay and session.dr == 0


def test_confirmed_frames_without_an_answer_take_the_next_to_more_range_at_once():
    region = region_of(TABLE)
    session = Session(region, 0)
    session.dr, session.power = 5, 3
    rates = []
    for _ in range(5):
        adr.advance(session, region, True, True)
        rates.append(session.dr)
    assert rates == [5, 3, 1, 0, 0] and session.power == 0


def test_join_backoff_never_exceeds_its_air_time():
    want = case_of("join_backoff_duty_cycle")["expected"]
    region = region_of(TABLE)
    session = Session(region, 0)
    air_us = 1_482_752  # 23 bytes at SF12
    used: dict[int, float] = {}
    now = 0
    while now < 4 * 86400:
        wait = join.join_wait_s(session, air_us, now)
        if wait:
            now += wait
            continue
        session.join_used += air_us // 1000 + 1
        period = 0 if now < 3600 else 1 if now < 39600 else 2 + (now - 39600) // 86400
        used[period] = used.get(period, 0) + air_us / 1e6
        now += 7
    limits = [want["first_hour_max_airtime_s"], want["next_10_hours_max_airtime_s"]] + [want["each_following_24h_max_airtime_s"]] * 4
    assert all(used[period] <= limits[period] for period in used) and len(used) >= 5
    assert all(used[period] + air_us / 1e6 + 0.1 > limits[period] for period in list(used)[:-1]), "the allowance is used up before waiting"


def test_eu868_table_is_plain_integers_with_a_rate_for_every_row():
    def plain(value):
        return isinstance(value, (int, str)) or (isinstance(value, list) and all(plain(item) for item in value))

    assert all(plain(value) for value in TABLE.values())
    region = region_of(TABLE)
    assert len(region.rx1_dr) == len(region.rates) == 8
    assert [region.max_payload(dr) for dr in range(8)] == [51, 51, 51, 115, 242, 242, 242, 242]
    assert all(region.rx1_dr[dr][offset] == max(0, dr - offset) for dr in range(8) for offset in range(6))
    assert [region.eirp_dbm(n) for n in range(8)] == [16, 14, 12, 10, 8, 6, 4, 2]
    assert region.band(869_525_000) == 4 and region.bands[4][2] == 100 and region.band(868_650_000) == -1


@pytest.fixture(scope="module")
def other_interpreter(tmp_path_factory):
    program = os.environ.get("MICROPYTHON") or shutil.which("micropython") or os.path.join(sys.prefix, "bin", "micropython")
    task = tmp_path_factory.mktemp("lorawan") / "task.json"
    task.write_text(json.dumps({"cases": [case for case in CASES if case["kind"] in CHECKS], "region": TABLE}))
    path = f"{ROOT / 'tests/firmware'}:{ROOT / 'firmware'}"
    run = subprocess.run(
        [program, "-X", "heapsize=128wk", str(ROOT / "tests/firmware/lorawan_checks.py"), str(task)],
        env={**os.environ, "MICROPYPATH": path}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout)


def test_both_interpreters_agree_on_every_vector(other_interpreter):
    for case in CASES:
        if case["kind"] in CHECKS:
            assert other_interpreter[case["id"]] == check(case), case["id"]


def test_both_interpreters_put_the_same_bytes_on_air_at_the_same_time(other_interpreter):
    ours = story(TABLE, True, 7)
    assert ours["wrongs"] == [] and len(ours["air"]) > 15
    assert other_interpreter["story"] == ours


@pytest.mark.parametrize("seed", [7, 11, 23])
def test_a_life_in_deep_sleep_is_the_same_as_one_awake(seed):
    assert story(TABLE, True, seed) == story(TABLE, False, seed)
