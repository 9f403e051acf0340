"""The MQTT uplink against servers that are silent, slow, refusing or mad: an end to every wait, a sentence for every refusal."""

from __future__ import annotations

import random
import socket
import time

import pytest

import mqtt_bench as bench

_LIMIT_MS = 300  # instead of the 10 s of the field


def swallow(connection: socket.socket) -> None:
    for _ in bench.packets(connection):
        pass


def silent(connection: socket.socket, number: int) -> None:
    swallow(connection)


def silent_after_subscribe(connection: socket.socket, number: int) -> None:
    for first, body in bench.packets(connection):
        if first >> 4 in (1, 8):
            connection.sendall(bench.answer(first, body))


def dripping(connection: socket.socket, number: int) -> None:
    """A CONNACK that announces more than it has, a byte now and then."""
    connection.sendall(b"\x30\xff\x03")
    while True:
        time.sleep(0.05)
        connection.sendall(b"\x00")


def half_a_packet(connection: socket.socket, number: int) -> None:
    connection.sendall(b"\x20")
    swallow(connection)


def chattering(connection: socket.socket, number: int) -> None:
    """Answers nothing, but sends PINGRESP without end."""
    while True:
        connection.sendall(b"\xd0\x00" * 50)
        time.sleep(0.01)


@pytest.mark.parametrize("serve", [silent, dripping, half_a_packet, chattering])
def test_a_server_that_never_says_connack_costs_a_bounded_wait(serve) -> None:
    with bench.Server(serve) as server:
        result = bench.run(server.port, "attempt", answer_ms=_LIMIT_MS)
    assert result["connect"] is False
    assert _LIMIT_MS - 20 <= result["connect_ms"] < 20 * _LIMIT_MS


def test_a_connection_that_died_silently_costs_a_bounded_wait_and_one_repeat() -> None:
    with bench.Server(silent_after_subscribe) as server, bench.Wire(server.port) as wire:
        result = bench.run(wire.port, "attempt", answer_ms=_LIMIT_MS)
        assert [dup for dup, _, _ in wire.publishes()] == [False, True]
    assert result["connect"] is True and result["send"] is None
    assert 2 * _LIMIT_MS - 20 <= result["send_ms"] < 20 * _LIMIT_MS


def test_nobody_listening_is_false_at_once() -> None:
    result = bench.run(bench.free_port(), "attempt")
    assert result["connect"] is False and result["connect_ms"] < 5000


@pytest.mark.parametrize(("code", "words"), [(1, "MQTT 3.1.1"), (2, "client id"), (4, "password"), (5, "rights"), (77, "reason")])
def test_a_refusal_is_told_in_words_and_never_shows_a_secret(code: int, words: str) -> None:
    def refuse(connection: socket.socket, number: int) -> None:
        next(bench.packets(connection))
        connection.sendall(bytes([0x20, 2, 0, code]))
        swallow(connection)

    with bench.Server(refuse) as server:
        result = bench.run(server.port, "attempt", identity={"mqtt_user": "u", "mqtt_password": "mqtt-secret"})
    assert result["connect"] == "error" and words in result["errors"][0]
    assert "secret" not in str(result)


def test_a_broker_that_is_not_available_now_is_worth_another_attempt() -> None:
    def busy(connection: socket.socket, number: int) -> None:
        next(bench.packets(connection))
        connection.sendall(b"\x20\x02\x00\x03")

    with bench.Server(busy) as server:
        assert bench.run(server.port, "attempt")["connect"] is False


def test_user_and_password_are_sent_as_the_standard_says() -> None:
    seen = []

    def serve(connection: socket.socket, number: int) -> None:
        for first, body in bench.packets(connection):
            seen.append(body)
            connection.sendall(bench.answer(first, body))

    with bench.Server(serve) as server:
        bench.run(server.port, "attempt", identity={"mqtt_user": "ü", "mqtt_password": "pw"})
    assert seen[0] == b"\x00\x04MQTT\x04\xc0\x03\x84\x00\x04dev1\x00\x02\xc3\xbc\x00\x02pw"


def test_a_web_server_is_recognised_as_no_broker() -> None:
    def web(connection: socket.socket, number: int) -> None:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with bench.Server(web) as server:
        result = bench.run(server.port, "attempt")
    assert result["connect"] == "error" and "check broker and port" in result["errors"][0]
    assert result["connect_ms"] < 5000


def test_100_kinds_of_garbage_end_in_an_error_or_false_and_never_hang() -> None:
    rng = random.Random(311)

    def mad(connection: socket.socket, number: int) -> None:
        stream = bench.packets(connection)
        if number % 2:  # polite at first
            for _ in range(2):
                connection.sendall(bench.answer(*next(stream)))
        next(stream)
        connection.sendall(rng.randbytes(rng.randrange(1, 200)))
        connection.shutdown(socket.SHUT_WR)
        swallow(connection)

    with bench.Server(mad) as server:
        result = bench.run(server.port, "garbage", count=100, answer_ms=200)
    assert result["receipt"] == 0
    assert result["error"] + result["nothing"] == 100 and result["error"] > 30


def test_a_command_between_publish_and_puback_is_kept_even_in_single_bytes() -> None:
    acknowledged = []

    def serve(connection: socket.socket, number: int) -> None:
        for first, body in bench.packets(connection):
            if first >> 4 == 3:
                topic = b"kerb/dev1/down"
                command = b"\x32" + bytes([4 + len(topic) + 3]) + bytes([0, len(topic)]) + topic + b"\x12\x34" + b"dim"
                for byte in command + bench.answer(first, body):
                    connection.sendall(bytes([byte]))
                    time.sleep(0.001)
            elif first >> 4 == 4:
                acknowledged.append(body)
            else:
                connection.sendall(bench.answer(first, body))

    with bench.Server(serve) as server:
        result = bench.run(server.port, "send_and_listen")
        time.sleep(0.05)
    assert result["receipt"] and result["commands"] == [["kerb/dev1/down", "dim"]]
    assert acknowledged == [b"\x12\x34"]


def test_a_command_not_taken_is_not_acknowledged() -> None:
    kinds = []

    def serve(connection: socket.socket, number: int) -> None:
        for first, body in bench.packets(connection):
            kinds.append(first >> 4)
            if first >> 4 == 3:
                connection.sendall(b"\x32\x13\x00\x0ekerb/dev1/down\x00\x07x")
            connection.sendall(bench.answer(first, body))

    with bench.Server(serve) as server:
        assert bench.run(server.port, "attempt")["send"] == "receipt"
    assert 4 not in kinds


def command(packet_id: int, text: bytes, dup: bool = False) -> bytes:
    body = b"\x00\x0ekerb/dev1/down" + packet_id.to_bytes(2, "big") + text
    return bytes([0x3A if dup else 0x32, len(body)]) + body


def test_a_command_that_was_not_acknowledged_when_the_connection_broke_is_taken_once() -> None:
    def serve(connection: socket.socket, number: int) -> None:
        for first, body in bench.packets(connection):
            if first >> 4 == 3:
                connection.sendall(command(7, b"dim", dup=number > 0))
                if number == 0:
                    return
            connection.sendall(bench.answer(first, body))

    with bench.Server(serve) as server:
        result = bench.run(server.port, "send_and_listen")
    assert result["receipt"] and result["commands"] == [["kerb/dev1/down", "dim"]]


def test_no_command_overtakes_one_that_found_no_room() -> None:
    def serve(connection: socket.socket, number: int) -> None:
        late = True
        for first, body in bench.packets(connection):
            if first >> 4 == 3:  # nine for the room of eight
                connection.sendall(b"".join(command(n + 1, b"%d" % n) for n in range(9)))
            elif first >> 4 == 4 and number == 0 and late:
                connection.sendall(command(10, b"9"))
                late = False
            connection.sendall(bench.answer(first, body))
            if first >> 4 == 1 and number == 1:
                connection.sendall(command(9, b"8", True) + command(10, b"9", True))

    with bench.Server(serve) as server:
        result = bench.run(server.port, "commands", count=10, ms=3000, send=True)
    assert [text for _, text in result["commands"]] == [str(n) for n in range(10)]


def test_ping_is_sent_only_after_half_the_keepalive_without_traffic() -> None:
    pings = []

    def serve(connection: socket.socket, number: int) -> None:
        started = time.monotonic()
        for first, body in bench.packets(connection):
            if first == 0xC0:
                pings.append(time.monotonic() - started)
            connection.sendall(bench.answer(first, body))

    with bench.Server(serve) as server:
        bench.run(server.port, "listen", ms=1600, config={"keepalive_s": 1})
    assert 2 <= len(pings) <= 4 and 0.45 < pings[0] < 0.8


def test_an_unanswered_ping_closes_the_connection() -> None:
    ended = []

    def serve(connection: socket.socket, number: int) -> None:
        started = time.monotonic()
        silent_after_subscribe(connection, number)
        ended.append(time.monotonic() - started)

    with bench.Server(serve) as server:
        bench.run(server.port, "listen", ms=1600, config={"keepalive_s": 1}, answer_ms=_LIMIT_MS)
        time.sleep(0.05)
    assert 0.5 + _LIMIT_MS / 1000 - 0.05 < ended[0] < 15


def test_pauses_after_failures_grow_from_5_to_300_s_and_outlast_deep_sleep() -> None:
    result = bench.run(bench.free_port(), "pauses", count=9)
    # A second may pass between the failure and the question.
    wanted = [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert all(want - 1 <= got <= want for got, want in zip(result["waits"], wanted, strict=True))
    assert result["after_sleep"] >= 299 and result["packed"] == 12
    assert result["held_back"]
