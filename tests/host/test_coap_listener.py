"""The CoAP listener against aiocoap's own client, against raw datagrams, and against what is not a record."""

import asyncio
import socket

import aiocoap
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerbstone.errors import CoapError
from kerbstone.listen.coap import CoapListener


def post(listener, path, payload, method=aiocoap.POST):
    async def ask():
        client = await aiocoap.Context.create_client_context(transports=["simple6"])
        uri = f"coap://127.0.0.1:{listener.port}/{path}"
        try:
            return await client.request(aiocoap.Message(code=method, uri=uri, payload=payload)).response
        finally:
            await client.shutdown()

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def listener():
    with CoapListener() as it:
        yield it


def test_a_posted_record_arrives_and_is_answered_changed(listener):
    before = len(listener.arrivals())
    assert post(listener, "k/dev1", b"\x12\x34").code == aiocoap.CHANGED
    assert [(a.device, a.payload) for a in listener.arrivals()[before:]] == [("dev1", b"\x12\x34")]
    assert listener.wait_quiet({"dev1": 1}, 0.1) == {}
    assert listener.wait_quiet({"dev1": 1000, "dev2": 1}, 0.05) == {"dev1": 1000 - before - 1, "dev2": 1}


@pytest.mark.parametrize(
    ("path", "payload", "method", "code"),
    [
        ("k", b"x", aiocoap.POST, aiocoap.NOT_FOUND), ("k/a/b", b"x", aiocoap.POST, aiocoap.NOT_FOUND),
        ("other/dev1", b"x", aiocoap.POST, aiocoap.NOT_FOUND), ("k/dev1", b"", aiocoap.POST, aiocoap.BAD_REQUEST),
        ("k/dev1", bytes(3000), aiocoap.POST, aiocoap.BAD_REQUEST), ("k/dev1", b"x", aiocoap.GET, aiocoap.METHOD_NOT_ALLOWED),
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_not_taken(listener, path, payload, method, code):
    before = len(listener.arrivals())
    assert post(listener, path, payload, method).code == code
    assert len(listener.arrivals()) == before


def test_a_repeat_of_a_message_is_answered_again_and_taken_once(listener):
    before = len(listener.arrivals())
    request = bytes.fromhex("42021234aabb" + "b16b" + "04") + b"dev9\xff\x01\x02"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(3)
        answers = []
        for _ in range(3):
            client.sendto(request, listener.address)
            answers.append(client.recv(100))
        assert answers == [bytes.fromhex("62441234aabb")] * 3
        client.sendto(request[:2] + b"\x12\x35" + request[4:], listener.address)
        assert client.recv(100)[2:4] == b"\x12\x35"
    assert [a.payload for a in listener.arrivals()[before:]] == [b"\x01\x02"] * 2


@given(st.binary(max_size=80))
@settings(max_examples=60, deadline=None)
def test_no_datagram_stops_it(listener, data):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(3)
        client.sendto(data, listener.address)
        client.sendto(bytes.fromhex("40001111"), listener.address)  # a ping
        while client.recv(1000)[2:] != b"\x11\x11":
            pass


def test_a_port_that_is_taken_gets_one_sentence():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(CoapError, match="No CoAP server can listen at 127"):
            CoapListener(port=other.getsockname()[1]).start()
