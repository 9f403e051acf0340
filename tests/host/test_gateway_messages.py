"""What gateways, servers and other makers' devices say: every frame survives its JSON, every payload its decoder."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerbstone.codec import cayenne, milesight
from kerbstone.emulator.air import gwmp, ns_commands
from kerbstone.emulator.net import station
from kerbstone.errors import CodecError

header = st.sampled_from([0x00, 0x40, 0x60, 0x80, 0xA0, 0xE0])


@settings(max_examples=500, deadline=None)
@given(header, st.binary(max_size=60))
def test_a_frame_a_gateway_accepts_comes_back_from_its_json(mhdr, rest):
    phy = bytes([mhdr]) + rest
    try:
        message = station.parse_frame(phy)
    except station.StationError:
        return
    assert station.build_frame(message) == phy


def test_frames_that_are_cut_or_of_another_version_are_not_reported():
    for phy in (b"", b"\x00" * 22, b"\x41" + bytes(20), b"\x40" + bytes(10), b"\x40" + bytes(4) + b"\x0f" + bytes(8)):
        with pytest.raises(station.StationError):
            station.parse_frame(phy)
    for message in ({}, {"DevNonce": 1}, {"DevNonce": 70_000, "MHdr": 0, "JoinEui": "::1", "DevEui": "::1", "MIC": 0}, {"FRMPayload": "x"}):
        with pytest.raises(station.StationError):
            station.build_frame(message)


@given(st.binary(min_size=8, max_size=8))
def test_an_eui_reads_back_from_each_way_to_write_it(data):
    plain = data.hex()
    pairs = [plain[i : i + 2] for i in range(0, 16, 2)]
    quads = [plain[i : i + 4] for i in range(0, 16, 4)]
    for text in (plain, "-".join(pairs), ":".join(pairs).upper(), ":".join(quads), station.id6(data)):
        assert station.eui(text) == data


@pytest.mark.parametrize(("text", "want"), [("::1", "1"), ("f::", "f000000000000"), ("::", "0"), ("1::2:3", "1000000020003"),
                                            ("a:b:c:d", "a000b000c000d")])  # fmt: skip
def test_shortened_euis(text, want):
    assert station.eui(text).hex() == want.zfill(16)


@pytest.mark.parametrize("text", ["", "1", "1:2:3", "1:2:3:4:5", "::1::2", "g::1", "12345::1", "01-02"])
def test_what_is_no_eui_is_refused(text):
    with pytest.raises(station.StationError):
        station.eui(text)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(ns_commands.COMMANDS)), st.booleans(), st.data())
def test_a_mac_command_is_read_as_it_was_written(cid, down, data):
    row = ns_commands.COMMANDS[cid]
    name, layout = row[:2] if down else row[2:]
    if not name:
        assert ns_commands.decode(bytes([cid]), down) == []
        return
    fields = {}
    for field, bits, ending in ns_commands._fields(layout):
        if field != "-":
            low = -(1 << bits - 1) if ending == "s" else 0
            value = data.draw(st.integers(low, low + (1 << bits) - 1))
            fields[field] = value.to_bytes(bits // 8, "little") if ending == "x" else value * 100 if ending == "h" else value
    packed = ns_commands.encode(name, down, fields)
    assert ns_commands.decode(packed + packed, down) == [(name, fields)] * 2
    if len(packed) > 1:
        assert ns_commands.decode(packed[:-1], down) == []


def test_mac_commands_with_unknown_names_fields_or_values_are_refused():
    for command, down, fields in (("LinkCheckAns", False, {}), ("Nothing", True, {}), ("LinkCheckAns", True, {"x": 1}),
                                  ("DutyCycleReq", True, {"max_duty_cycle": 16})):  # fmt: skip
        with pytest.raises(ns_commands.CommandError):
            ns_commands.encode(command, down, fields)


def test_the_sizes_are_those_the_bench_server_reads():
    from kerbstone.emulator.air import ns_mac

    for cid, size in ns_mac._UP_BYTES.items():
        name = ns_commands.COMMANDS[cid][2]
        assert len(ns_commands.encode(name, False, {})) == 1 + size


def test_a_downlink_names_antenna_and_modulation_when_asked_to():
    lora = gwmp.txpk(5, 868_100_000, 14, 12, 125_000, b"\1\2", board=1, antenna=2, coding="4/6", inverted=False)
    assert (lora["brd"], lora["ant"], lora["codr"], lora["ipol"]) == (1, 2, "4/6", False)
    assert "brd" not in gwmp.txpk(5, 868_100_000, 14, 12, 125_000, b"\1\2")
    fsk = gwmp.txpk_fsk(gwmp.TMST_RANGE + 7, 868_800_000, 14, 50_000, 25_000, b"\1\2")
    assert (fsk["tmst"], fsk["modu"], fsk["datr"], fsk["fdev"], gwmp.payload(fsk)) == (7, "FSK", 50_000, 25_000, b"\1\2")


def test_a_downlink_leaves_at_a_counter_value_a_gps_time_or_at_once():
    times = [gwmp.txpk(*when[:1], 868_100_000, 14, 7, 125_000, b"x", gps_ms=when[1]) for when in ((5, None), (None, 5000), (None, None))]
    assert [{key: t[key] for key in ("tmst", "tmms", "imme") if key in t} for t in times] == [{"tmst": 5}, {"tmms": 5000}, {"imme": True}]


def test_downlinks_of_each_class_carry_their_own_windows():
    made = [
        station.downlink("A", 1, b"x", 3, 4, 1, rx1=(7, 868_100_000)),
        station.downlink("B", 1, b"x", 3, 4, ping=(2, 868_100_000, 1_000_000)),
        station.downlink("C", 1, b"x", 3, 4, rx2=(2, 868_100_000)),
    ]  # fmt: skip
    common = {"msgtype", "DevEui", "dC", "diid", "priority", "pdu", "rctx", "xtime"}
    assert [set(m) - common for m in made] == [{"RxDelay", "RX1DR", "RX1Freq"}, {"DR", "Freq", "gpstime"}, {"RX2DR", "RX2Freq"}]
    assert [m["dC"] for m in made] == [0, 1, 2]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.sampled_from(sorted(cayenne.TYPES)), st.integers(0, 255)), max_size=8))
def test_cayenne_values_read_back(rows):
    fields = [(channel, name, steps / cayenne.TYPES[name][2]) for channel, name, steps in rows]
    got = cayenne.decode(cayenne.encode(fields))
    assert [(c, n) for c, n, _ in got] == [(c, n) for c, n, _ in fields]
    assert [v for _, _, v in got] == [v for _, _, v in fields]


def test_cayenne_vectors_and_refusals():
    gps = (1, "gps", [42.3519, -87.9094, 10.0])
    assert cayenne.encode([gps]).hex() == "018806765ff2960a0003e8"  # the example of the format's own documentation
    assert cayenne.decode(cayenne.encode([gps])) == [gps]
    for fields in ([(1, "nothing", 1)], [(1, "presence", 300)], [(1, "humidity", -1)], [(1, "temperature", "warm")]):
        with pytest.raises(CodecError):
            cayenne.encode(fields)
    for payload in (b"\1", b"\1\xfe\0", b"\1\x67\0"):
        with pytest.raises(CodecError):
            cayenne.decode(payload)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40))
def test_a_vendor_payload_is_decoded_or_refused(data):
    with suppress(CodecError):
        assert isinstance(milesight.decode(data), dict)


def test_negative_temperatures_and_alarms_of_a_bin_sensor():
    assert milesight.decode(bytes.fromhex("0367 9cff 8482 0001 01")) == {"t_c": -10.0, "distance_mm": 256, "distance_alarm": True}
