"""SNTP and the Wi-Fi station under the real interpreter: right times, refusals told apart, bounded waits."""

from __future__ import annotations

import calendar
import struct
from typing import Any

import pytest

import mqtt_bench as bench

_NONCE = bytes(range(1, 9))
_1900 = 2_208_988_800
_CONNECTING, _UP, _NO_AP, _WRONG = 1001, 1010, 201, 202


def reply(utc_ms: int, *, first: int = 0x24, stratum: int = 2, nonce: bytes = _NONCE, kept_ms: int = 0) -> str:
    """A server's packet (RFC 5905 figure 8) sent at `utc_ms` after it was kept for `kept_ms`; 2**32 s after 1900 the era turns."""

    def stamp(ms: int) -> bytes:
        seconds, rest = divmod(ms, 1000)
        # Rounded up, so that a reader who rounds down gets the same millisecond.
        return struct.pack(">II", (seconds + _1900) % 2**32, -(-(rest << 32) // 1000))

    return (bytes([first, stratum, 6, 0xEC]) + bytes(12) + bytes(8) + nonce + stamp(utc_ms - kept_ms) + stamp(utc_ms)).hex()


def ask(script: list[str], cases: list[tuple[str, str, int]] = (), **options: Any) -> Any:
    return bench.finish(
        bench.start("timeserver.py", {"script": script, "cases": list(cases), "delay_ms": 40, "utc": 1_800_000_000, **options})
    )


def parse(*cases: tuple[str, int]) -> list[Any]:
    return ask(["ok"], [(answer, _NONCE.hex(), round_trip) for answer, round_trip in cases])["parsed"]


def test_times_of_both_eras_are_right_to_the_millisecond() -> None:
    dates = [(2025, 1, 1), (2026, 11, 21), (2036, 2, 7), (2036, 2, 8), (2038, 1, 20), (2100, 3, 1)]
    times = [calendar.timegm((*date, 6, 28, 15)) * 1000 + ms for date in dates for ms in (0, 1, 500, 999)]
    assert parse(*[(reply(t), 0) for t in times]) == [[t // 1000, t % 1000] for t in times]


def test_half_of_the_time_on_the_way_is_added_and_the_time_at_the_server_is_not() -> None:
    t = 1_800_000_000_950
    assert parse((reply(t), 40), (reply(t, kept_ms=60), 100), (reply(t, kept_ms=5000), 40), (reply(t), 100)) == [
        [1_800_000_000, 970],
        [1_800_000_000, 970],
        [1_800_000_000, 970],  # a server that claims more than the whole round trip
        [1_800_000_001, 0],
    ]


def test_an_answer_to_another_question_is_none() -> None:
    t = 1_800_000_000_000
    assert (
        parse((reply(t, nonce=bytes(8)), 0), (reply(t, first=0x23), 0), (reply(t, first=0x25), 0), (reply(t)[:-2], 0), ("", 0))
        == [None] * 5
    )


def test_a_server_without_time_is_refused_in_words() -> None:
    t = 1_800_000_000_000
    kiss, alarm, deaf, zero = parse(
        (reply(t, stratum=0), 0), (reply(t, first=0xE4), 0), (reply(t, stratum=16), 0), (reply(-_1900 * 1000), 0)
    )
    assert "turns us away" in kiss
    assert "synchronised" in alarm and "synchronised" in deaf
    assert "no time" in zero


def test_a_question_is_a_mode_3_packet_with_a_fresh_nonce_to_port_123() -> None:
    first, second = ask(["ok"]), ask(["ok"])
    query = bytes.fromhex(first["queries"][0])
    assert len(query) == 48 and query[0] == 0x23 and not any(query[1:40])
    assert first["queries"] != second["queries"]
    assert first["asked"] == [["time.example", 123]]
    assert first["got"][0] == 1_800_000_000 and 15 <= first["got"][1] <= 60
    assert first["got"][2] >= 40, "the tick is not that of the arrival"


def test_strays_are_passed_over_and_silence_ends_in_3_s_with_the_socket_closed() -> None:
    assert ask(["stray", "stray", "ok"])["got"][0] == 1_800_000_000
    flooded = ask(["stray"] * 100)
    assert flooded["got"] is None and flooded["closed"] == 1
    silent = ask(["none"])
    assert silent["got"] is None and silent["closed"] == 1 and 2900 <= silent["ms"] <= 3500


def test_a_kiss_of_death_closes_the_socket_too() -> None:
    result = ask(["kiss"])
    assert "turns us away" in result["got"] and result["closed"] == 1


def station(script: list[int], timeout_s: int = 1, **options: Any) -> Any:
    return bench.finish(bench.start("station.py", {"script": script, "timeout_s": timeout_s, **options}))


def test_a_station_comes_up_and_a_second_start_costs_nothing() -> None:
    result = station([_CONNECTING, _CONNECTING, _UP])
    assert result["outcome"] is True and result["idle"]
    assert result["calls"] == [["active", True], ["connect", "street"], ["disconnect"], ["active", False]]


def test_a_sleeper_asks_for_the_access_point_it_knows() -> None:
    result = station([_CONNECTING, _UP], keep=True)
    assert result["again"] and result["calls"] == [["active", True], ["connect", "street", "bssid", "channel"]]
    assert result["seen"] == "02" * 6 + "06", "of two access points of our name, the louder one"


def test_a_port_that_takes_no_channel_is_asked_by_the_address_alone() -> None:
    result = station([_CONNECTING, _UP], keep=True, takes_channel=False)
    assert result["again"] and result["calls"][-1] == ["connect", "street", "bssid"]


def test_an_access_point_that_was_replaced_is_looked_for_anew() -> None:
    result = station([_CONNECTING, _UP], keep=True, gone=True)
    assert result["again"] and ["connect", "street"] in result["calls"]
    assert result["seen"] == "02" * 6 + "06"


def test_a_static_address_is_set_before_the_connection() -> None:
    address = ["10.0.0.9", "255.255.255.0", "10.0.0.1", "10.0.0.1"]
    calls = station([_CONNECTING, _UP], static_ip=address)["calls"]
    assert calls[:3] == [["active", True], ["ifconfig", address], ["connect", "street"]]


def test_an_access_point_that_never_answers_costs_the_time_limit_and_leaves_the_radio_off() -> None:
    result = station([_CONNECTING])
    assert result["outcome"] is False and 950 <= result["ms"] <= 1300 and not result["is_up"]
    assert result["calls"][-1] == ["active", False]


@pytest.mark.parametrize("status", [_NO_AP, _WRONG])
def test_one_refusal_is_tried_again_and_may_be_a_mistake(status: int) -> None:
    result = station([_CONNECTING, status, _CONNECTING, _UP])
    assert result["outcome"] is True
    assert result["calls"].count(["connect", "street"]) == 2


def test_a_second_refusal_ends_the_attempt_and_only_a_wrong_password_is_an_error() -> None:
    absent, wrong = station([_CONNECTING, _NO_AP], 5), station([_CONNECTING, _WRONG], 5)
    assert absent["outcome"] is False
    assert "password" in wrong["outcome"] and "secret" not in wrong["outcome"]
    for result in (absent, wrong):
        assert result["ms"] < 500 and result["calls"][-1] == ["active", False]
