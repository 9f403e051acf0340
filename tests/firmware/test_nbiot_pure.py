"""The pure halves of the NB-IoT uplink: CoAP against aiocoap, network time against datetime, registration lines, the ceiling."""

import json
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from aiocoap import Message
from aiocoap.numbers.codes import Code
from aiocoap.numbers.types import Type
from hypothesis import given
from hypothesis import strategies as st

from interpreter import micropython
from kerb.ceiling import Ceiling
from kerb.modem import cells
from kerb.uplink import coap
from kerbstone.build.checks.sleep import SESSION
from kerbstone.build.compile import node_json
from kerbstone.build.node import load_node

TOKENS = st.binary(max_size=8)
MIDS = st.integers(0, 0xFFFF)


@given(MIDS, TOKENS, st.text("abcdefgh-0123456789", min_size=1, max_size=268), st.binary(min_size=1, max_size=300))
def test_another_stack_reads_our_post(mid, token, device, payload):
    message = Message.decode(coap.post(mid, token, (b"k", device.encode()), payload))
    assert (message.mtype, message.code, message.mid, message.token) == (Type.CON, Code.POST, mid, token)
    assert message.opt.uri_path == ("k", device) and message.payload == payload
    assert message.opt.uri_query == (f"c={zlib.crc32(device.encode() + payload) & 0xFFFF:04x}",)


CODES = st.sampled_from([Code.CHANGED, Code.CREATED, Code.NOT_FOUND, Code.SERVICE_UNAVAILABLE, Code.CONTENT])


@given(
    st.sampled_from(Type), CODES, MIDS, TOKENS,
    st.binary(max_size=100), st.none() | st.integers(0, 1 << 31), st.lists(st.text(max_size=300), max_size=3),
    st.none() | st.integers(0, 60000),
)  # fmt: skip
def test_we_read_what_another_stack_answers(kind, code, mid, token, payload, max_age, queries, content):
    answer = Message(_mtype=kind, code=code, _mid=mid, _token=token, payload=payload, uri_query=queries)
    answer.opt.max_age = max_age
    answer.opt.content_format = content
    got = coap.parse(answer.encode())
    assert (got.kind, got.code, got.mid, got.token, got.payload) == (int(kind), int(code), mid, token, payload)
    assert got.max_age_s == (60 if max_age is None else max_age)
    assert got.words == code.dotted


@pytest.mark.parametrize(("kind", "mtype"), [(coap.ACK, Type.ACK), (coap.RESET, Type.RST)])
def test_an_empty_message_is_one_for_another_stack(kind, mtype):
    message = Message.decode(coap.empty(kind, 0x1234))
    assert (message.mtype, message.code, message.mid) == (mtype, Code.EMPTY, 0x1234)


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda b: b"\x62\x44\x12\x34ab" + b))
def test_what_is_no_message_is_none_for_both(data):
    try:
        other = Message.decode(data)
    except Exception:  # whatever another library raises, it did not take the message
        other = None
    ours = coap.parse(data)
    if ours is None:
        return  # aiocoap takes some of what RFC 7252 section 3 calls a message format error: a marker without a payload, say
    if other is None:
        assert len(data) > 4, "only the text of options, which we do not read, may be refused there and not here"
    else:
        assert (ours.kind, ours.code, ours.mid, ours.token, ours.payload) == (
            int(other.mtype), int(other.code), other.mid, other.token, other.payload,
        )  # fmt: skip


TIMES = st.datetimes(datetime(2025, 1, 2), datetime(2069, 12, 30), timezones=st.just(UTC)).map(lambda t: int(t.timestamp()))


@given(TIMES, st.integers(-48, 56))
def test_network_time_is_utc_whatever_the_zone_and_the_quotes(seconds, quarters):
    local = datetime.fromtimestamp(seconds, UTC) + timedelta(minutes=15 * quarters)
    utc = datetime.fromtimestamp(seconds, UTC)
    for line in (f'+CCLK: "{local:%y/%m/%d,%H:%M:%S}{quarters:+03d}"', f"+CCLK: {local:%y/%m/%d,%H:%M:%S}{quarters:+03d}"):
        assert cells.utc(line, True) == seconds
    assert cells.utc(f'+QLTS: "{utc:%Y/%m/%d,%H:%M:%S}{quarters:+03d},0"', False) == seconds


@pytest.mark.parametrize("line", [
    '+CCLK: "80/01/06,00:00:12+00"', '+CCLK: "70/01/01,00:00:12+00"', '+QLTS: ""', '+CCLK: "26/13/01,00:00:00+00"', "+CCLK: ",
    '+CCLK: "26/04/03,00:00:00"', '+CCLK: "26/04/03,25:00:00+00"', '+CCLK: "26/04/03+00"', '+CCLK: "26/04/03,10:00:00+99"',
])  # fmt: skip
def test_a_clock_that_was_never_set_gives_no_time(line):
    assert cells.utc(line, True) is None


@pytest.mark.parametrize(("line", "read", "state", "cell", "active_s", "tau_s"), [
    ('+CEREG: 4,1,"5B57","195071B",9,,,"00000000","01100000"', True, 1, 0x195071B, 0, 0),
    ('+CEREG: 1,"5B57","01A50B1A",9,"00",,,"00000001","11100000"', False, 1, 0x1A50B1A, 2, None),
    ('+CEREG: 4,1,"5B57","01A50B1A",9,"00",,,"11100000","11100000"', True, 1, 0x1A50B1A, None, None),
    ('+CEREG: 4,5,"0001","0000ABCD",9,,,"00100011","00101010"', True, 5, 0xABCD, 180, 36000),
    ('+CEREG: 4,1,"1","0","1",7,,,"00100010","10111110"', True, 1, 0, 120, 1800),
    ("+CEREG: 4,4", True, 4, 0, None, None),
    ("+CEREG: 2", False, 2, 0, None, None),
    ('+CEREG: 4,5,,,,,,,"00000000","01100000"', True, 5, 0, 0, 0),
    ("+CEREG: 3", False, 3, 0, None, None),
])  # fmt: skip
def test_registration_lines_of_every_modem(line, read, state, cell, active_s, tau_s):
    got = cells.Registration(line)
    assert (cells.is_read(line), got.state, got.cell, got.active_s, got.tau_s) == (read, state, cell, active_s, tau_s)
    assert got.registered == (state in (1, 5))


@given(st.lists(st.tuples(st.integers(0, 7200), st.integers(0, 600_000), st.booleans()), max_size=200), st.integers(100, 5000))
def test_the_ceiling_holds_over_any_month(attempts, uah_day):
    ceiling, now, spent, longest = Ceiling(uah_day), 0, 0, 0
    for pause_s, ms, alarm in attempts:
        now += pause_s
        now += ceiling.wait_s(now, alarm)
        amount = ms * 60 // 3600
        ceiling.spend(amount, now)
        spent += amount
        longest = max(longest, amount)
    month_s = 30 * 86400
    assert spent <= uah_day * max(now, month_s) / 86400 + longest


def test_an_alarm_may_take_of_the_reserve_and_of_nothing_else():
    ceiling = Ceiling(3200)  # 3000 a day flow in, 750 are kept for alarms, 6000 are there
    ceiling.spend(5400, 0)
    assert ceiling.wait_s(0) == 150 * 86400 // 3000 + 1 and ceiling.wait_s(0, True) == 0
    ceiling.spend(700, 0)
    assert ceiling.wait_s(0, True) == 101 * 86400 // 3000 + 1


def test_what_flows_in_does_not_depend_on_how_often_it_is_asked_for():
    often, seldom = Ceiling(2000), Ceiling(2000)
    for ceiling in (often, seldom):
        ceiling.spend(3000, 0)
    for now in range(0, 20000, 7):
        often.wait_s(now)
    assert abs(often.wait_s(20000) - seldom.wait_s(20000)) <= 1 and often.left == seldom.left


STATE = """
import sys, json
class Pin:
    OUT = 0
class machine:
    pass
machine.Pin = Pin
sys.modules["machine"] = machine
from kerb.uplink.nbiot import Uplink
class Board:
    idle_ms = None
config = json.loads(sys.stdin.readline())
def fresh():
    return Uplink(config, {"device_id": "bin-1"}, Board, None)
one = fresh()
one.health = {"rsrp_dbm": -128, "rsrq_db": -19, "sinr_db": -8, "cell": 0x0B28A812}
one._carrier.address = "10.1.0.200"
one._failures, one._rung, one._retry_at = 3, 2, 1 << 30
one.modem.state, one.modem.configured, one.modem.sleeps = 1, True, False
one._ceiling.left, one._ceiling.at_s = -123456, 99
two = fresh()
two.unpack(one.pack())
print(json.dumps([one.pack() == two.pack(), two.health, two._carrier.address, two.modem.sleeps, two.modem.state, two.mtu]))
three = fresh()
for bad in (b"", one.pack()[:-1], b"\\x07" + one.pack()[1:]):
    three.unpack(bad)
print(json.dumps([three.modem.state, three.health, len(three.pack())]))
"""


def test_what_the_bearer_keeps_over_deep_sleep_comes_back():
    config = node_json(load_node("bins_nbiot"))["uplink"]
    first, second = map(json.loads, micropython(STATE, json.dumps(config) + "\n").splitlines())
    health = {"rsrp_dbm": -128, "rsrq_db": -19, "sinr_db": -8, "cell": 0x0B28A812}
    assert first == [True, health, "10.1.0.200", False, 1, 1400 - len(coap.post(0, b"\0\0", (b"k", b"bin-1"), b""))]
    assert second == [2, {}, SESSION["nbiot"]]
