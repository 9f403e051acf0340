"""Commands on the board: made by the host with another HMAC and another CBOR, opened by the firmware in both interpreters."""

import ast
import collections
import itertools
import os

import pytest

from commands_corpus import BODIES, IDENTITY, mutations
from interpreter import micropython
from kerb import commands as board
from kerb.commands import Refused
from kerb.identity import Identity
from kerb.tell import RESULTS
from kerbstone import downlink
from kerbstone.codec.profile import load_profile
from kerbstone.errors import CommandError

KEY = board.key_of(Identity(IDENTITY))
MESSAGES = [downlink.seal(IDENTITY, kind, 1000 + i, body) for i, (kind, body) in enumerate(BODIES)]
MANY = 100_000 if os.environ.get("KERBSTONE_CAMPAIGN") == "full" else 4_000
UNANSWERED = {"size", "mac", "form", "replay"}

DESK = """
import sys
class machine:
    def reset():
        raise SystemExit
sys.modules["machine"] = machine
from kerb import log
from kerb.desk import Desk
from kerb.identity import Identity
said = []
log.event = lambda *words: said.append(words) if len(said) < 9 else None
class Store:
    blobs = {}
    def put(self, name, data): self.blobs[name] = bytes(data)
    def get(self, name): return self.blobs.get(name)
    def remove(self, name): self.blobs.pop(name)
class App:
    def order(self, data, now): return []
class Settings:
    def configure(self, version, values, seconds): pass
    override = lambda self, values, seconds: None
class Moment:
    mono = 1
class Clock:
    def now(self): return Moment
class Sent:
    def store(self, frame, priority): pass
class Security:
    def flush(self, mono): pass
    def state(self): return [0, bytes(16), bytes(16), []]
class Node:
    safe = False
    parts = {}
    config = {"order": [], "production": True}
    app, store, clock = App(), Store(), Clock()
    answers, reasons, delivery = 0, {}, Sent()
    def identity(self): return Identity({"device_id": "pole-1", "device_key": bytes(range(32))})
    def secure(self, word): self.reasons[word] = self.reasons.get(word, 0) + 1
    def tell(self, kind, result, detail=0, counter=0): self.answers += 1
    def tell_health(self): pass
    def carry_out(self, effects): pass
    def ask(self): pass
    def laid_over(self): return Settings()
    far = property(lambda self: self)
    security = Security()
node = Node()
node.desk = Desk(node)
node.desk.afterwards = lambda deed: None
"""


@pytest.mark.parametrize(("kind", "body"), BODIES)
def test_a_command_of_the_host_is_what_the_board_reads(kind, body):
    message = downlink.seal(IDENTITY, kind, 7, body)
    assert board.opened(KEY, b"pole-1", message, 6) == (board.KINDS.index(kind), 7, body)
    assert downlink.read(message) == (kind, 7, body)
    assert len(message) <= downlink.SMALLEST_ROOM


def test_both_sides_name_the_same_kinds_results_and_answers():
    channels = {c.name: c for c in load_profile("answer").channels}
    assert tuple(channels["command"].names) == (*board.KINDS, "none") == (*downlink.KINDS, "none")
    assert tuple(channels["result"].names) == RESULTS


@pytest.mark.security("7")
def test_a_command_is_for_one_device_and_one_key():
    message = MESSAGES[0]
    for key, device in ((KEY, b"pole-2"), (bytes(32), b"pole-1"), (KEY, b"pole-")):
        with pytest.raises(Refused, match="mac"):
            board.opened(key, device, message, 0)


@pytest.mark.security("7")
def test_a_counter_is_used_once_and_only_upwards():
    message = downlink.seal(IDENTITY, "report", 50, None)
    assert board.opened(KEY, b"pole-1", message, 49)
    for last in (50, 51, 0xFFFFFFFF):
        with pytest.raises(Refused, match="replay"):
            board.opened(KEY, b"pole-1", message, last)


@pytest.mark.security("14")
@pytest.mark.security("7")
def test_mutated_commands_are_refused_each_with_a_reason_by_the_board_itself():
    """In the real interpreter: a desk that has taken none of them, and as many entries for its security log as there were messages."""
    script = DESK + """
from binascii import unhexlify
for line in sys.stdin:
    node.desk.take(unhexlify(line.strip()))
print(sorted(node.reasons.items()), node.answers, [w for w in said if w[0] == "command"], sorted(node.store.blobs))
"""
    total = collections.Counter()
    for chunk in chunks(MANY):
        text = micropython(script, "".join(m.hex() + "\n" for m in chunk)).strip()
        counts, _, rest = text.partition("] ")
        total.update(dict(ast.literal_eval(counts + "]")))
        assert rest == "0 [] []", rest
    assert set(total) <= UNANSWERED | {"plain"} and total["mac"] > MANY // 2, total
    assert sum(total.values()) == MANY


def chunks(count):
    made = mutations(MESSAGES, count, 5)
    while chunk := list(itertools.islice(made, 20_000)):
        yield chunk


@pytest.mark.security("14")
def test_whatever_a_holder_of_the_key_sends_is_answered_once_and_never_a_crash():
    """Bodies mutated before the code is made: what gets past it must still be harmless."""
    bodies = [m[: -downlink.MAC_BYTES] for m in MESSAGES]
    signed = []
    for body in mutations(bodies, MANY // 4, 6):
        signed.append(body + board.code(KEY, b"pole-1", body))
    script = DESK + """
from binascii import unhexlify
from kerb.commands import Refused, opened
authentic = 0
for line in sys.stdin:
    message = unhexlify(line.strip())
    node.desk._last = 0
    try:
        opened(node.desk._key, b"pole-1", message, 0)
        authentic += 1
    except Refused:
        pass
    node.desk.take(message)
print(authentic, node.answers, sum(node.reasons.values()))
"""
    authentic, answers, reasons = map(int, micropython(script, "".join(m.hex() + "\n" for m in signed)).split())
    assert authentic == answers > 100
    assert answers + reasons >= len(signed)


def test_the_counter_is_on_flash_before_the_command_takes_effect_and_survives_either_copy():
    script = DESK + """
from binascii import unhexlify
class Cut(Exception): pass
messages = [unhexlify(line.strip()) for line in sys.stdin]
def cut(): raise Cut
node.ask = cut
for n, message in enumerate(messages):
    try:
        node.desk.take(message)
        print("survived")
    except Cut:
        pass
    node.desk = Desk(node)
    node.reasons.clear()
    node.desk.take(message)
    print(sorted(node.reasons))
node.store.blobs["cmd0"] = None
print(Desk(node)._last, node.answers)
"""
    messages = [downlink.seal(IDENTITY, "report", n, None) for n in (4, 5, 6, 7)]
    assert micropython(script, "".join(m.hex() + "\n" for m in messages)).split("\n") == ["['replay']"] * 4 + ["7 0", ""]


@pytest.mark.parametrize(
    ("identity", "kind", "counter", "body", "words"),
    [
        (IDENTITY, "explode", 1, None, "no command 'explode'"),
        (IDENTITY, "report", 0, None, "counter 0"),
        ({"device_id": "x"}, "report", 1, None, "no device_key"),
        ({"device_id": "x", "device_key": "zz"}, "report", 1, None, "not hexadecimal"),
        (IDENTITY, "configure", 1, [1, {"a" * 60: 1}], "slowest LoRaWAN rate carries 51"),
        (IDENTITY, "configure", 1, [1, {"a": object()}], "no form in CBOR"),
    ],
)
def test_a_command_that_cannot_be_is_one_sentence_without_a_key(identity, kind, counter, body, words):
    with pytest.raises(CommandError, match=words) as caught:
        downlink.seal(identity, kind, counter, body)
    assert bytes(range(32)).hex() not in str(caught.value) and "zz" not in str(caught.value)
