"""Crypto, frames and commands of the bench network server against published vectors."""

import json
from pathlib import Path

import pytest

from kerbstone.emulator.air import ns_crypto as crypto
from kerbstone.emulator.air import ns_frames as frames
from kerbstone.emulator.air import ns_mac

DATA = Path(__file__).parents[1] / "conformance" / "data" / "lorawan_cases.json"
CASES = json.loads(DATA.read_text())


def cases(kind):
    found = [pytest.param(c["inputs"], c["expected"], id=c["id"]) for c in CASES if c["kind"] == kind]
    assert found
    return found


def unhex(text):
    return bytes.fromhex(text)


# -- published vectors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "expected"), cases("join_request") + cases("join_request_mic"))
def test_join_request_mic_is_the_published_one(given, expected):
    message = unhex(given["message"] if "message" in given else expected["phy_payload"][:-8])
    assert crypto.mic(unhex(given["app_key"]), message).hex() == expected["mic"]


@pytest.mark.parametrize(("given", "expected"), cases("join_request_parse"))
def test_join_request_is_read_as_published(given, expected):
    got = frames.parse_uplink(unhex(given["phy_payload"]))
    assert (got.join_eui, got.dev_eui, f"{got.dev_nonce:04x}", got.mic.hex()) == (
        expected["join_eui"], expected["dev_eui"], expected["dev_nonce"], expected["mic"],
    )  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), cases("join_request_mic_negative"))
def test_a_damaged_join_request_is_not_genuine(given, expected):
    assert frames.parse_uplink(unhex(given["phy_payload"])).genuine(unhex(given["app_key"])) is expected["mic_valid"]


@pytest.mark.parametrize(("given", "expected"), cases("join_accept"))
def test_a_join_accept_opens_as_published(given, expected):
    phy = unhex(given["phy_payload"])
    body = crypto.open_accept(unhex(given["app_key"]), phy[1:])
    assert body.hex() == expected["decrypted_body"]
    assert crypto.mic(unhex(given["app_key"]), phy[:1] + body[:-4]).hex() == expected["mic"]
    assert phy[1:] == crypto.seal_accept(unhex(given["app_key"]), body)


@pytest.mark.parametrize(("given", "expected"), cases("join_accept_cflist"))
def test_the_join_accept_built_here_is_byte_for_byte_the_published_one(given, expected):
    net_id = int(expected["net_id"], 16)
    phy = frames.build_join_accept(
        unhex(given["app_key"]), expected["join_nonce"], net_id, int(expected["dev_addr"], 16), expected["rx1_dr_offset"],
        expected["rx2_dr"], expected["rx_delay"], b"".join((hz // 100).to_bytes(3, "little") for hz in expected["cflist_hz"]) + b"\0",
    )  # fmt: skip
    assert phy.hex() == given["phy_payload"]
    keys = crypto.session_keys(unhex(given["app_key"]), expected["join_nonce"], net_id, given["dev_nonce"])
    assert [k.hex() for k in keys] == [expected["nwk_s_key"], expected["app_s_key"]]


@pytest.mark.parametrize(("given", "expected"), cases("session_keys_1_0"))
def test_session_keys_are_the_published_ones(given, expected):
    keys = crypto.session_keys(unhex(given["app_key"]), given["join_nonce"], given["net_id"], given["dev_nonce"])
    assert [k.hex() for k in keys] == [expected["nwk_s_key"], expected["app_s_key"]]


@pytest.mark.parametrize(("given", "expected"), cases("frm_payload_encrypt"))
def test_payload_encryption_is_the_published_one(given, expected):
    direction = crypto.UP if given["direction"] == "up" else crypto.DOWN
    got = crypto.crypt(unhex(given["key"]), direction, int(given["dev_addr"], 16), given["fcnt"], unhex(given["plaintext"]))
    assert got.hex() == expected["ciphertext"]


@pytest.mark.parametrize(("given", "expected"), cases("data_mic"))
def test_data_mic_is_the_published_one(given, expected):
    direction = crypto.UP if given["direction"] == "up" else crypto.DOWN
    got = crypto.data_mic(unhex(given["nwk_s_key"]), direction, int(given["dev_addr"], 16), given["fcnt"], unhex(given["message"]))
    assert got.hex() == expected["mic"]


def test_published_data_frames_are_read_and_judged_and_rebuilt():
    for case in (c for c in CASES if c["kind"] == "data_frame_1_0"):
        given, want = case["inputs"], case["expected"]
        phy, key = unhex(given["phy_payload"]), unhex(given["nwk_s_key"])
        if phy[0] >> 5 == frames.DATA_UP:
            got = frames.parse_uplink(phy)
            assert (f"{got.dev_addr:08x}", got.fcnt16, got.port, got.fopts.hex()) == (
                want["dev_addr"], want["fcnt"], want["fport"], want["fopts"],
            )  # fmt: skip
            assert got.genuine(key, want["fcnt"])
        else:
            # The published downlink has no ADR bit, ours has: all but control byte and MIC must agree.
            addr, fcnt = int(want["dev_addr"], 16), want["fcnt"]
            built = frames.build_data_down(key, bytes(16), addr, fcnt, True, False, False, b"", want["fport"], b"")
            assert built[:5] + bytes([built[5] & 0x7F]) + built[6:-4] == phy[:-4]
            assert crypto.data_mic(key, crypto.DOWN, addr, fcnt, phy[:-4]) == phy[-4:]


@pytest.mark.parametrize(("given", "expected"), cases("data_frame_mic_negative"))
def test_a_data_frame_with_a_wrong_mic_is_not_genuine(given, expected):
    got = frames.parse_uplink(unhex(given["phy_payload"]))
    assert got.genuine(unhex(given["nwk_s_key"]), got.fcnt16) is expected["mic_valid"]


def test_frames_that_are_no_uplinks_are_refused():
    (case,) = [c for c in CASES if c["kind"] == "station_reject"]
    for phy in case["inputs"]["phy_payloads"]:
        with pytest.raises(frames.FrameError):
            frames.parse_uplink(unhex(phy))


def test_link_check_answer_has_the_published_bytes():
    (case,) = [c for c in CASES if c["kind"] == "mac_command" and c["inputs"]["command"] == "LinkCheckAns"]
    fields = case["inputs"]["fields"]
    got = ns_mac.link_check_ans(-20.0 + fields["margin"], 0, fields["gw_cnt"])
    assert got.hex() == case["expected"]["bytes"]


def test_device_time_is_gps_time_with_leap_seconds():
    # 2018-09-14 00:00:00 UTC is GPS week 2018, day 5: 1220918418 s.
    got = ns_mac.device_time_ans(1_536_883_200_000_000 + 250_000)
    assert got == b"\x0d" + (1_220_918_418).to_bytes(4, "little") + bytes([64])


@pytest.mark.parametrize(("raw", "margin"), [(0x00, 0), (0x1F, 31), (0x20, -32), (0x2F, -17), (0x3F, -1)])
def test_status_margin_is_a_six_bit_two_s_complement(raw, margin):
    assert ns_mac.status_margin_db(raw) == margin
