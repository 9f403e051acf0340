"""What is sent when, by the rules of the sender alone; blocks of a real CoAP server to an independent client; LoRaWAN's own sessions."""

from __future__ import annotations

import asyncio
import random
import sys

import aiocoap
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerbstone.codec.encode import encode
from kerbstone.codec.layout import Quality, Trust
from kerbstone.codec.profile import load_profile
from kerbstone.errors import UpdateError
from kerbstone.listen.coap import CoapListener
from kerbstone.update.carry.coap import Shelf
from kerbstone.update.carry.lorawan import FragSession
from kerbstone.update.carry.pace import SETTLE_S, STRIDE, Pace
from kerbstone.update.carry.push import Push
from kerbstone.update.carry.reports import reports
from kerbstone.update.fragments import HEAD, Parcel
from update_bench import Receiver


class Visitor:
    """A device that wakes every ten minutes, says so, and takes what a broker has for it, eight at a time, as long as more comes."""

    def __init__(self, parcel: Parcel, lost: float, seed: int):
        self.node, self.sent, self._lost, self._rng, self._now = Receiver(parcel), 0, lost, random.Random(seed), 0.0
        self.queue: list[bytes] = []
        self.asleep = True
        self.begin()

    def begin(self, had: int = 0, sent: int = 0) -> None:
        """A sender that knows so much."""
        self.push = Push(self._send, self.node.parcel.room + HEAD, clock=lambda: self._now, at_once=True)
        self.push.begin("a", self.node.parcel.bundle, had, sent)

    def _send(self, device: str, piece: bytes) -> None:
        self.queue.append(piece)
        self.sent += 1

    def visit(self) -> None:
        self._now += 600
        if self.asleep:
            self.node.wake()
        self.push.heard("a", READING)
        while self.queue and not self.node.whole:
            came, self.queue[:8] = self.queue[:8], []
            self._now += 1
            if said := self.node.take(*(piece for piece in came if self._rng.random() >= self._lost)):
                self.push.heard("a", said)


def told(state: str, parcel: Parcel, had: int, reason: str = "none") -> bytes:
    """A report as a node sends it."""
    values = {
        "update_state": state, "update_reason": reason, "update_number": None, "bundle": parcel.name, "fragments": had,
        "fragments_wanted": parcel.count,
    }  # fmt: skip
    return encode(load_profile("update"), "progress", values, Quality.GOOD, Trust.LIVE)


READING = b"\x20\0\xa8\xb3\xad\0"


@given(st.integers(1, 90_000), st.sampled_from([51, 115, 480]), st.floats(0, 0.3), st.integers(0, 1 << 30))
@settings(max_examples=15, deadline=None)
def test_whatever_is_lost_every_bundle_arrives_through_a_queue_that_each_frame_lets_one_go_of(size: int, room: int, lost: float, seed: int):
    size = min(size, 90 * (room - 9))
    parcel = Parcel(random.Random(seed).randbytes(size), room)
    node, rng, clock = Receiver(parcel), random.Random(seed), [0.0]
    waiting: list[bytes] = []
    push = Push(lambda device, piece: waiting.append(piece), room, 64, 0.25, lambda: clock[0], lambda device: waiting.clear())
    push.begin("a", parcel.bundle)
    frames = 0
    while not node.whole:
        frames += 1
        assert frames < 3000, (parcel.count, node.had, push.pace("a"))
        assert len(waiting) <= (1.25 * parcel.count + 3 if parcel.any_order else 64)
        piece = waiting.pop(0) if waiting else b""
        said = node.take(piece) if piece and rng.random() >= lost else None
        clock[0] += 600
        node.wake()
        if not node.whole:
            push.heard("a", said or READING)
    push.heard("a", told("trial", parcel, parcel.count))
    before = len(waiting)
    push.heard("a", told("receiving", parcel, 0))
    assert push.pace("a") is None and len(waiting) == before


@given(st.integers(1, 90_000), st.sampled_from([51, 115, 480]), st.floats(0, 0.3), st.integers(0, 1 << 30), st.integers(0, 200))
@settings(max_examples=25, deadline=None)
def test_whatever_is_lost_every_bundle_arrives_through_a_broker_though_the_sender_starts_anew(size: int, room: int, lost: float, seed: int,
                                                                                            restart: int):
    parcel = Parcel(random.Random(seed).randbytes(min(size, 200 * (room - 9))), room)
    device, made = Visitor(parcel, lost, seed), 0
    while not device.node.whole:
        made += 1
        assert made < 600, (parcel.count, device.node.had, device.push.pace("a"))
        device.visit()
        if made == restart:
            pace = device.push.pace("a")
            assert pace
            device.begin(pace.had, pace.sent)
    assert len(device.queue) <= 2 * 64


def test_without_loss_nothing_is_sent_twice():
    for size in (3_000, 60_000):
        device = Visitor(Parcel(random.Random(1).randbytes(size), 480), 0.0, 1)
        device.visit()
        assert device.node.whole and device.sent == device.node.parcel.count, "and all of it leaves in one visit"


BOUNDS = {  # bytes, share lost: fragments sent and visits at most, on average of twenty
    (20_000, 0.05): (50, 1.5), (20_000, 0.2): (75, 2.0), (100_000, 0.05): (650, 22.0), (100_000, 0.2): (1500, 85.0),
}  # fmt: skip


@pytest.mark.parametrize("case", BOUNDS)
def test_what_a_loss_costs_in_fragments_and_visits(case: tuple[int, float], capsys):
    parcel = Parcel(random.Random(1).randbytes(case[0]), 480)
    sent = visits = 0
    for seed in range(20):
        device = Visitor(parcel, case[1], seed)
        while not device.node.whole:
            device.visit()
            visits += 1
        sent += device.sent
    with capsys.disabled():
        print(f"\n{parcel.count} fragments, {case[1]:.0%} lost: {sent / 20:.0f} sent, {visits / 20:.1f} visits", file=sys.stderr)
    assert (sent / 20 <= BOUNDS[case][0]) and (visits / 20 <= BOUNDS[case][1]), (sent / 20, visits / 20)


def test_a_device_that_is_not_heard_costs_no_more_than_the_window_and_one_that_is_heard_twice_has_lost_it():
    pace = Pace(Parcel(bytes(60_000), 480), at_once=True)
    assert list(pace.due()) == list(range(1, 65)) and not pace.due()
    pace.heard(1000)
    pace.heard(1000 + SETTLE_S / 2)
    assert not pace.due(), "one visit, in which it may be on its way"
    pace.heard(1000 + 2 * SETTLE_S)
    assert list(pace.due()) == list(range(1, STRIDE + 1))


def test_a_sender_that_knows_nothing_finds_a_device_that_never_sleeps_and_has_said_where_it_is():
    device = Visitor(Parcel(bytes(60_000), 480), 0.0, 1)
    device.node.take(*(device.node.parcel.piece(n) for n in range(1, 101)))
    assert device.node.take(device.node.parcel.piece(5)), "so this is not said again"
    device.asleep = False
    visits = 0
    while not device.node.whole:
        device.visit()
        visits += 1
    assert visits < 40 and device.sent < 400, (visits, device.sent)


def test_other_bundles_and_repeats_are_no_news():
    parcel, other = Parcel(bytes(60_000), 480), Parcel(b"\1" * 60_000, 480)
    sent: list[bytes] = []
    push = Push(lambda device, piece: sent.append(piece), 480)
    push.begin("a", parcel.bundle)
    push.heard("a", told("receiving", other, 60))
    push.heard("a", told("trial", other, 60))
    push.heard("b", told("trial", parcel, 60))
    pace = push.pace("a")
    assert pace and pace.had == 0 and len(sent) == 64


@given(st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_payload_makes_the_reader_of_reports_raise(payload: bytes):
    assert isinstance(reports(payload), list)
    assert isinstance(reports(b"\xd0" + payload), list)


def test_a_fragment_that_is_not_there_is_refused():
    parcel = Parcel(bytes(60_000), 480)
    with pytest.raises(UpdateError, match="at most 64"):
        parcel.piece(parcel.count + 1)
    with pytest.raises(UpdateError, match="room for more"):
        Parcel(bytes(10), 9)


def test_blocks_of_a_bundle_come_in_any_order_to_an_independent_client():
    bundle = b"KUP1" + random.Random(2).randbytes(5_000)

    async def talk(port: int) -> None:
        context = await aiocoap.Context.create_client_context()
        base = f"coap://127.0.0.1:{port}/k/bin-1"

        async def get(name: str, number: int, szx: int = 4) -> aiocoap.Message:
            request = aiocoap.Message(code=aiocoap.GET, uri=f"{base}/{name}", block2=(number, False, szx))
            return await context.request(request, handle_blockwise=False).response

        posted = await context.request(aiocoap.Message(code=aiocoap.POST, uri=base, payload=b"\x20\0\xa8\xb3\xad\0")).response
        assert posted.code == aiocoap.CHANGED and posted.payload[:4] == b"KUB1"
        name, size = posted.payload[4:8].hex(), int.from_bytes(posted.payload[8:], "big")
        assert size == len(bundle)
        got = {}
        for number in random.Random(3).sample(range(20), 20):
            answer = await get(name, number)
            assert answer.code == aiocoap.CONTENT and answer.opt.block2.block_number == number
            assert answer.opt.block2.more == (number < 19)
            got[number] = answer.payload
        assert b"".join(got[n] for n in range(20)) == bundle
        assert (await get(name, 20)).code == aiocoap.BAD_OPTION
        assert (await get("00000000", 0)).code == aiocoap.NOT_FOUND
        # aiocoap's own client puts it together too.
        assert (await context.request(aiocoap.Message(code=aiocoap.GET, uri=f"{base}/{name}")).response).payload == bundle
        report = told("trial", Parcel(bundle, 265), 20)
        posted = await context.request(aiocoap.Message(code=aiocoap.POST, uri=base, payload=report)).response
        assert posted.payload == b"", "what became of it ends the offer"
        await context.shutdown()

    with CoapListener() as listener:
        listener.shelf = shelf = Shelf()
        shelf.begin("bin-1", bundle)
        asyncio.run(talk(listener.port))
        assert not shelf.waits("bin-1")


@pytest.mark.parametrize("version", [1, 2])
def test_sessions_of_lorawan_have_the_standards_form(version: int):
    """Their bytes; the firmware's own package, held by an independent stack elsewhere, puts them together in the emulator."""
    session = FragSession(random.Random(5).randbytes(700), 51, version, bytes(range(16)))
    setup, pieces = session.setup(), list(session.data(coded=10))
    assert setup[0] == 2 and len(setup) == (11 if version == 1 else 17) and int.from_bytes(setup[2:4], "little") == session.fragments
    assert all(piece[0] == 8 and len(piece) <= 51 for piece in pieces)
    with pytest.raises(UpdateError, match="do not go into a block"):
        FragSession(bytes(10), 3)
