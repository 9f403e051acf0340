"""MQTT packets: bytes against the standard and against paho, the parser against 20,000 random inputs, both interpreters alike."""

from __future__ import annotations

import random
import struct

import paho.mqtt.client as paho
import pytest

import mqtt_bench as bench
from kerb.errors import ConfigError, UplinkError
from kerb.uplink import mqtt_packets as packets

_ROOM = 64


def written(writer, *args) -> bytes:
    buf = bytearray(300)
    return bytes(buf[: writer(buf, *args)])


def read(data: bytes, room: int = _ROOM):
    """What the parser makes of a stream that begins with `data`; None while it wants more."""
    have = next((n for n in range(2, min(len(data), packets.HEAD_MAX) + 1) if packets.head_size(data, n)), 0)
    if not have:
        return None
    size = packets.remaining(data)
    packets.check(data[0], size)
    if have + size > len(data):
        return None
    packet = packets.Packet()
    packet.read(data[0], data[have : have + min(size, room)], size)
    return packet


def test_writers_match_the_examples_of_the_standard() -> None:
    # MQTT 3.1.1 figures 3.6, 3.11, 3.22; the rest by its tables.
    assert written(packets.connect, b"id", b"u", b"p", 10) == b"\x10\x14\x00\x04MQTT\x04\xc0\x00\x0a\x00\x02id\x00\x01u\x00\x01p"
    assert written(packets.connect, b"id", None, None, 10) == b"\x10\x0e\x00\x04MQTT\x04\x00\x00\x0a\x00\x02id"
    assert written(packets.publish, b"a/b", b"hi", 10, False) == b"\x32\x09\x00\x03a/b\x00\x0ahi"
    assert written(packets.publish, b"a/b", b"hi", 10, True)[0] == 0x3A
    assert written(packets.subscribe, b"a/b", 10) == b"\x82\x08\x00\x0a\x00\x03a/b\x01"
    assert written(packets.puback, 0x1234) == b"\x40\x02\x12\x34"


def sent_by_paho(act) -> bytes:
    """The bytes paho puts on the wire for `act(client)`."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "id", clean_session=False, protocol=paho.MQTTv311)
    out = bytearray()
    client._packet_queue = lambda command, packet, mid, qos, info=None: out.extend(packet) or paho.MQTT_ERR_SUCCESS
    client._sock = object()  # it only asks whether there is one
    act(client)
    client._sock = None
    return bytes(out)


@pytest.mark.parametrize("size", [0, 1, 113, 114, 115, 200])
def test_publish_and_subscribe_are_byte_for_byte_those_of_paho(size: int) -> None:
    payload = bytes(size)
    assert written(packets.publish, b"kerb/d/up", payload, 7, True) == sent_by_paho(
        lambda c: c._send_publish(7, b"kerb/d/up", payload, 1, False, True)
    )
    assert written(packets.subscribe, b"kerb/d/down", 1) == sent_by_paho(lambda c: c._send_subscribe(False, [(b"kerb/d/down", 1)]))


@pytest.mark.parametrize(("user", "password"), [(None, None), (b"u", None), (b"user", b"pass")])
def test_connect_is_byte_for_byte_that_of_paho(user, password) -> None:
    def act(client):
        client._username, client._password = user, password
        client._send_connect(900)

    assert written(packets.connect, b"id", user, password, 900) == sent_by_paho(act)


def test_what_does_not_fit_is_refused_before_it_is_written() -> None:
    with pytest.raises(ConfigError, match="shorten"):
        packets.publish(bytearray(20), b"topic", bytes(20), 1, False)
    with pytest.raises(ConfigError, match="no user"):
        packets.connect(bytearray(99), b"id", None, b"secret", 1)


@pytest.mark.parametrize("length", [0, 127, 128, 16383, 16384, 2097151, 2097152, 268435455])
def test_remaining_length_is_read_at_every_boundary_of_table_2_4(length: int) -> None:
    encoded = bytearray(b"\x30")
    left = length
    while True:
        encoded.append(left & 127 | (128 if left > 127 else 0))
        left >>= 7
        if not left:
            break
    assert [packets.head_size(encoded, n) for n in range(2, len(encoded))] == [0] * (len(encoded) - 2)
    assert packets.head_size(encoded, len(encoded)) == len(encoded)
    assert packets.remaining(encoded) == length


def test_a_length_without_end_is_refused() -> None:
    with pytest.raises(UplinkError, match="length"):
        packets.head_size(b"\x30\xff\xff\xff\xff", 5)


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"\x20\x02\x01\x00", {"kind": 2, "present": True, "code": 0}),
        (b"\x20\x02\x00\x05", {"kind": 2, "present": False, "code": 5}),
        (b"\x40\x02\x12\x34", {"kind": 4, "packet_id": 0x1234}),
        (b"\x90\x03\x00\x01\x80", {"kind": 9, "packet_id": 1, "code": 0x80}),
        (b"\xd0\x00", {"kind": 13}),
        (b"\x30\x05\x00\x01txy", {"kind": 3, "packet_id": 0, "topic": b"t", "payload": b"xy"}),
        (b"\x3b\x05\x00\x01t\x00\x09", {"kind": 3, "packet_id": 9, "topic": b"t", "payload": b""}),
        (b"\x32\x64\x00\x01t\x00\x09" + bytes(95), {"kind": 3, "packet_id": 9, "topic": b"t", "payload": None}),
    ],
)
def test_every_packet_a_client_may_get_is_read(data: bytes, fields: dict) -> None:
    packet = read(data)
    assert {name: getattr(packet, name) for name in fields} == fields


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00",  # reserved
        b"\x10\x00",  # CONNECT from a server
        b"\x21\x02\x00\x00",  # flags
        b"\x20\x03\x00\x00\x00",
        b"\x20\x02\x02\x00",  # reserved bit of CONNACK
        b"\x20\x02\x01\x05",  # a session kept for one who is refused
        b"\x40\x02\x00\x00",  # packet 0
        b"\x50\x02\x00\x01",  # PUBREC: nobody sent QoS 2
        b"\x34\x05\x00\x01t\x00\x01",  # QoS 2
        b"\x36\x05\x00\x01t\x00\x01",  # QoS 3
        b"\x38\x03\x00\x01t",  # DUP with QoS 0
        b"\x32\x05\x00\x01t\x00\x00",  # packet 0
        b"\x32\x04\x00\x01tx",  # no room for the packet id
        b"\x30\x02\x00\x01",  # topic longer than the packet
        b"\x30\x01\x00",
        b"\xd0\x01\x00",
    ],
)
def test_what_the_standard_forbids_a_server_is_an_uplink_error(data: bytes) -> None:
    with pytest.raises(UplinkError):
        read(data)


def inputs(count: int) -> list[bytes]:
    """Random bytes, and real packets with a byte changed, cut off or put in."""
    rng = random.Random(1883)
    seeds = [
        b"\x20\x02\x01\x00",
        b"\x40\x02\x12\x34",
        b"\x90\x03\x00\x01\x01",
        b"\x32\x08\x00\x01t\x00\x09abc",
        b"\x30\x81\x01\x00\x03a/b" + bytes(124),
    ]
    out = []
    for n in range(count):
        data = bytearray(rng.choice(seeds))
        if n % 4 == 0:
            data = bytearray(rng.randbytes(rng.randrange(2, 90)))
        elif n % 4 == 1:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif n % 4 == 2:
            del data[rng.randrange(2, len(data) + 1) :]
        else:
            data.insert(rng.randrange(len(data)), rng.randrange(256))
        out.append(bytes(data))
    return out


def verdict(data: bytes) -> str:
    try:
        packet = read(data)
    except UplinkError:
        return "refused"
    if packet is None:
        return "more"
    text = [packet.kind, packet.packet_id, packet.code, int(packet.present)]
    for field in (packet.topic, packet.payload):
        text.append("-" if field is None else field.hex())
    return " ".join(map(str, text))


def test_20000_random_inputs_are_read_refused_or_wait_and_micropython_agrees(tmp_path) -> None:
    data = inputs(20000)
    ours = [verdict(d) for d in data]
    assert {v.split()[0] for v in ours} >= {"refused", "more", "2", "3", "4", "9"}
    source = tmp_path / "inputs"
    source.write_bytes(b"".join(struct.pack("<H", len(d)) + d for d in data))
    theirs = bench.start("parser.py", {"inputs": str(source), "room": _ROOM}).communicate(timeout=60)[0].splitlines()
    assert theirs == ours
