"""What is sent when, by the rules of the sender alone; blocks of a real CoAP server to an independent client; LoRaWAN's own sessions."""

from __future__ import annotations

import asyncio
import random

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
from kerbstone.update.carry.pace import RETRY_S, Pace
from kerbstone.update.carry.push import Push
from kerbstone.update.carry.reports import reports
from kerbstone.update.fragments import Parcel, columns


def told(state: str, parcel: Parcel, had: int, reason: str = "none") -> bytes:
    """A report as a node sends it."""
    values = {
        "update_state": state, "update_reason": reason, "update_number": None, "bundle": parcel.name, "fragments": had,
        "fragments_wanted": parcel.count,
    }  # fmt: skip
    return encode(load_profile("update"), "progress", values, Quality.GOOD, Trust.LIVE)


class Node:
    """Takes fragments as a node's inbox does, and reports once a round."""

    def __init__(self, parcel: Parcel):
        self.parcel, self.log, self.had = parcel, set[int](), 0
        self.rows: dict[int, int] = {}

    def take(self, piece: bytes) -> None:
        number = int.from_bytes(piece[6:8], "big")
        if self.parcel.any_order and number not in self.log:
            self.log.add(number)
            self.had = len(self.log)
            self._solve(number)
        elif not self.parcel.any_order and number == self.had + 1:
            self.had = number

    @property
    def whole(self) -> bool:
        if not self.parcel.any_order:
            return self.had == self.parcel.count
        return len(self.rows) == self.parcel.count

    def _solve(self, n: int) -> None:
        count = self.parcel.count
        mask = 1 << n - 1 if n <= count else sum(1 << c for c in columns(n - count, count))
        while mask and mask & -mask in self.rows:
            mask ^= self.rows[mask & -mask]
        if mask:
            self.rows[mask & -mask] = mask


@given(st.integers(1, 90_000), st.sampled_from([51, 115, 480]), st.floats(0, 0.3), st.integers(0, 1 << 30))
@settings(max_examples=15, deadline=None)
def test_whatever_is_lost_every_bundle_arrives_and_the_sender_ends(size: int, room: int, lost: float, seed: int):
    size = min(size, 90 * (room - 9))
    parcel = Parcel(random.Random(seed).randbytes(size), room)
    node, rng, clock = Node(parcel), random.Random(seed), [0.0]
    waiting: list[bytes] = []
    push = Push(lambda device, piece: waiting.append(piece), room, 64, 0.25, lambda: clock[0])
    push.begin("a", parcel.bundle)
    rounds = 0
    while not node.whole:
        rounds += 1
        assert rounds < 1500, (parcel.count, node.had, push.pace("a"))
        assert len(waiting) <= (1.25 * parcel.count + 3 if parcel.any_order else 128)
        round_, waiting[:] = waiting[:20], waiting[20:]
        for piece in round_:
            if rng.random() >= lost:
                node.take(piece)
        clock[0] += 600
        if not node.whole:
            push.heard("a", told("receiving", parcel, node.had) if round_ else b"\x20\0\xa8\xb3\xad\0")
    push.heard("a", told("trial", parcel, parcel.count))
    before = len(waiting)
    push.heard("a", told("receiving", parcel, 0))
    assert push.pace("a") is None and len(waiting) == before


def test_without_loss_nothing_is_sent_twice():
    for size in (3_000, 60_000):
        parcel = Parcel(random.Random(1).randbytes(size), 480)
        node, sent = Node(parcel), []
        push = Push(lambda device, piece, sent=sent: sent.append(piece), 480, 32, 0.0, lambda: 0.0)
        push.begin("a", parcel.bundle)
        at = 0
        while not node.whole:
            assert at < len(sent)
            for piece in sent[at : at + 16]:
                node.take(piece)
            at = min(at + 16, len(sent))
            if not node.whole:
                push.heard("a", told("receiving", parcel, node.had))
        assert len(sent) == parcel.count


def test_a_device_that_is_not_heard_costs_no_more_than_the_window():
    parcel = Parcel(bytes(60_000), 480)
    pace = Pace(parcel)
    assert list(pace.due(0)) == list(range(1, 65)) and not pace.due(10 * RETRY_S)
    pace.heard(RETRY_S / 2)
    assert not pace.due(RETRY_S / 2)
    pace.heard(2 * RETRY_S)
    assert list(pace.due(2 * RETRY_S)) == list(range(1, 65))


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
