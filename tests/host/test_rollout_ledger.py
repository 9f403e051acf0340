"""Roll-outs in the books, and the runner between them and a transport: who decides what, and what a halt means."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrolled_board import PASSPHRASE
from kerb.tell import HEALTH, HEALTH_BITS, frame
from kerb.update import report
from kerbstone.books.books import Books, verify
from kerbstone.errors import BooksError, UpdateError
from kerbstone.update.keys import EDDSA, ES256, SigningKey, new_key
from kerbstone.update.opened import open_bundle
from kerbstone.update.rollout import model
from kerbstone.update.rollout.gate import BROKEN, CLOSED, OPEN, Gate, Verdict
from kerbstone.update.rollout.ledger import Ledger
from kerbstone.update.rollout.runner import Runner
from kerbstone.update.rollout.transport import Heard
from update_bench import CLASS, VENDOR, small_lms, update

START = 1_800_000_000


class Street:
    """A transport to devices that answer each fragment as they are told to; the clock stands until it is moved."""

    size, window, spare, at_once, settle_s = 6000, 64, 0.0, True, 60.0  # one fragment

    def __init__(self) -> None:
        self.at_s, self.sent, self.forgotten, self.said = START, [], set(), []

    def now_s(self) -> int:
        return self.at_s

    def room(self, device: str) -> bool:
        return True

    def send(self, device: str, fragment: bytes) -> None:
        self.sent.append(device)

    def heard(self) -> list[Heard]:
        said, self.said = self.said, []
        return said

    def forget(self, device: str) -> None:
        self.forgotten.add(device)

    def say(self, device: str, state: str, reason: str = "none") -> None:
        self.said.append(Heard(device, report.message(state, reason, 5), self.at_s))


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return small_lms(1)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    opened = Books.create(str(tmp_path_factory.mktemp("books") / "books.db"), "owner", PASSPHRASE)
    opened.add_member("bench", "station", PASSPHRASE)
    return opened


def begin(books: Books, key: SigningKey, name: str, count: int = 40, gate: Gate | None = None) -> Ledger:
    ledger = Ledger(books)
    data = update().bundle(key)
    devices = [f"{name}-{n:02}" for n in range(count)]
    ledger.publish(name, data, open_bundle(data, [key]), devices, ["5%", "100%"], {}, gate or Gate(), START)
    return ledger


def in_ring(ledger: Ledger, name: str, ring: int) -> list[str]:
    return [device.name for device in ledger.load(name).of_ring(ring)]


def log(books: Books, name: str) -> list[tuple[str, str]]:
    from sqlalchemy import select

    from kerbstone.books.tables import audit

    with books.look() as connection:
        return [(str(a), str(d)) for a, d in connection.execute(select(audit.c.action, audit.c.details).where(audit.c.subject == name))]


def test_a_roll_out_from_its_first_ring_to_its_end(books: Books, key: SigningKey):
    ledger, street = begin(books, key, "good", gate=Gate(failures=0.05)), Street()
    runner = Runner(ledger, "good", street)
    runner.step()
    first = in_ring(ledger, "good", 0)
    assert sorted(set(street.sent)) == first and len(first) == 2
    for state in ("trial", "probation", "confirmed"):
        for device in first:
            street.say(device, state)
        street.at_s += 3600
        runner.step()
    assert {d.state for d in ledger.load("good").of_ring(0)} == {model.CONFIRMED}
    assert set(street.sent) == set(first) and ledger.load("good").ring == 0, "the second ring waits for a person"
    ledger.promote("good", street.at_s, Verdict(OPEN, "2 of 2 devices are confirmed"))
    runner.step()
    second = in_ring(ledger, "good", 1)
    assert set(street.sent) == {*first, *second}
    for device in second[2:]:
        street.say(device, "confirmed")
    street.say(second[0], "refused", "battery")
    runner.step()
    assert ledger.load("good").state == model.RUNNING, "the gate is open, and a device is still on its way"
    street.say(second[1], "confirmed")
    runner.step()
    assert ledger.load("good").state == model.DONE, "37 of 38 are 97 %, and one may fail"
    assert [action for action, _ in log(books, "good")] == ["rollout-publish", "rollout-promote", "rollout-promote"]


def test_a_gate_that_breaks_halts_and_takes_back_what_waits(books: Books, key: SigningKey):
    ledger, street = begin(books, key, "bad"), Street()
    runner = Runner(ledger, "bad", street)
    runner.step()
    first = in_ring(ledger, "bad", 0)
    sent = len(street.sent)
    street.say(first[0], "trial")
    street.say(first[0], "reverted", "crash")
    runner.step()
    halted = ledger.load("bad")
    assert halted.state == model.HALTED and "1 of 2 devices failed and 0 may: 1 reverted (crash)" in halted.reason
    assert street.forgotten == {device.name for device in halted.devices}
    for _ in range(5):
        street.at_s += 86_400
        runner.step()
    assert len(street.sent) == sent, "nothing is sent any more"
    with pytest.raises(UpdateError, match="halted: `kerbstone update resume bad`"):
        ledger.promote("bad", street.at_s, Verdict(OPEN, ""), force=True)
    assert [action for action, _ in log(books, "bad")] == ["rollout-publish", "rollout-halt"]
    assert '"by":"gate"' in log(books, "bad")[1][1]


def test_a_promotion_is_refused_with_the_sentence_why_and_forced_ones_are_in_the_log(books: Books, key: SigningKey):
    ledger = begin(books, key, "forced")
    for verdict in (Verdict(CLOSED, "0 of 2 devices are confirmed and 2 are wanted"), Verdict(BROKEN, "1 of 2 devices failed")):
        with pytest.raises(UpdateError, match=f"ring 1 is {verdict.state}: {verdict.why}. Wait, or promote with --force"):
            ledger.promote("forced", START, verdict)
    assert ledger.load("forced").ring == 0
    ledger.promote("forced", START, Verdict(CLOSED, "why not"), force=True)
    action, details = log(books, "forced")[-1]
    assert action == "rollout-promote" and '"forced":true' in details and "why not" in details
    assert ledger.load("forced").ring == 1


def test_health_that_got_worse_halts(books: Books, key: SigningKey):
    ledger, street = begin(books, key, "unwell"), Street()
    runner = Runner(ledger, "unwell", street)
    runner.step()
    one = in_ring(ledger, "unwell", 0)[0]

    def health(battery: int) -> Heard:
        return Heard(one, frame(HEALTH, HEALTH_BITS, (0, 0, 1, 1, 0, 0, 0, 0, None, 40, 0, 0, battery)), street.at_s)

    street.said.append(health(40))
    street.say(one, "trial")
    street.say(one, "probation")
    street.said.append(health(36))
    runner.step()
    assert "1 unwell (battery -0.16 V)" in ledger.load("unwell").reason


def test_a_halted_roll_out_goes_on_with_who_refused_or_ends(books: Books, key: SigningKey):
    ledger, street = begin(books, key, "again"), Street()
    runner = Runner(ledger, "again", street)
    runner.step()
    first, second = in_ring(ledger, "again", 0)
    street.say(first, "refused", "battery")
    runner.step()
    assert ledger.load("again").state == model.HALTED
    street.sent.clear()
    ledger.resume("again", street.at_s)
    runner.step()
    assert street.sent == [first], "it is offered again, the other one has it already"
    ledger.halt("again", "enough")
    with pytest.raises(UpdateError, match="nothing to halt"):
        ledger.halt("again", "")
    with pytest.raises(UpdateError, match="roll-out again, which is under way"):
        begin(books, key, "again2").publish("third", b"", open_bundle(update().bundle(key), [key]), [second], ["100%"], {}, Gate(), START)
    ledger.end("again")
    with pytest.raises(UpdateError, match="ended already"):
        ledger.end("again")


def test_silence_counts_from_when_somebody_listens(books: Books, key: SigningKey):
    ledger, street = begin(books, key, "quiet"), Street()
    Runner(ledger, "quiet", street).step()
    street.at_s += 7 * 86_400
    late = Runner(ledger, "quiet", street)
    late.step()
    assert ledger.load("quiet").state == model.RUNNING, "nobody listened for a week"
    street.at_s += 12 * 3600 + 1
    late.step()
    assert "2 silent (not heard for 12 h)" in ledger.load("quiet").reason


def test_a_station_may_halt_and_nothing_else(books: Books, key: SigningKey, tmp_path: Path):
    ledger = begin(books, key, "station")
    station = Ledger(Books.enter(str(books._engine.url.database), "bench", PASSPHRASE))
    with pytest.raises(BooksError, match="may not roll out updates: ask an owner"):
        station.end("station")
    assert station.halt("station", "smoke").state == model.HALTED
    with pytest.raises(BooksError):
        station.resume("station", START)
    assert ledger.load("station").reason == "smoke"


def test_the_log_holds_after_all_of_it(books: Books):
    assert verify(str(books._engine.url.database)).wrong == []


@pytest.mark.parametrize("damage", [b"", b"KUP1", b"KUP1\xff\xff\xff\xff\xff", b"nothing at all"])
def test_what_is_no_bundle_gets_a_sentence(key: SigningKey, damage: bytes):
    with pytest.raises(UpdateError, match="no bundle, or it is damaged"):
        open_bundle(damage, [key])


@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=80))
def test_any_bytes_are_a_bundle_or_one_sentence(data: bytes):
    for made in (data, b"KUP1" + data, b"KUP1" + bytes([len(data)]) + data, b"KUP1\x28\xd2\x84" + data):
        with pytest.raises(UpdateError):
            open_bundle(made, [])


def test_a_bundle_is_opened_by_the_key_that_signed_it_alone_and_no_changed_byte_passes(key: SigningKey):
    others = [new_key(b"\2", ES256), new_key(b"\3", EDDSA)]
    for signer in (key, *others):
        about = open_bundle(update().bundle(signer), [key, *others])
        assert (about.vendor, about.device_class, about.sequence, about.kid) == (VENDOR.hex(), CLASS.hex(), 5, signer.kid)
    with pytest.raises(UpdateError, match="No key of these books signed"):
        open_bundle(update().bundle(key), others)
    key, data = others[0], update().bundle(others[0])
    signed = len(data) - len(update()._component("kerb/apps/bins.mpy"))
    for at in range(signed):
        with pytest.raises(UpdateError):
            open_bundle(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], [key])
