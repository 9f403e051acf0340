"""The packages as the node runs them: the clock it sets, the blocks it receives."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lorawan_ear import GEN_APP_KEY, SECRETS, ClassC, Group, answers, cmac, say
from lorawan_extra_story import story
from lorawan_network import Aes
from lorawan_world import IDENTITY

# isort: split
from kerb.errors import ConfigError
from kerb.uplink.lorawan.packages import fragments
from kerbstone.build.regions import region_table

ROOT = Path(__file__).parents[2]
TABLE = region_table("EU868")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ready(packages, version=2, **config):
    world = ClassC(TABLE, config={"packages": packages, "package_version": version, **config})
    device = world.start()
    assert device.connect() and device.send(b"here", 1, False)
    return world, device


# -- TS003 -----------------------------------------------------------------------------------------------------------------


def request_time(world, device):
    """The device's AppTimeReq: its time, its token, whether it must be answered."""
    device.tend()
    cid, *time, flags = answers(world, 202)[-1]
    assert cid == 1
    return int.from_bytes(bytes(time), "little"), flags & 15, flags >> 4 & 1


@pytest.mark.parametrize("error_s", [None, -500, 0, 86_400])
def test_the_clock_package_tells_the_true_time_whatever_the_clock_said(error_s):
    world, device = ready(["clock"])
    world.wall.error_s = error_s
    device.ask_time()
    said, token, must = request_time(world, device)
    assert must == (error_s is None) and token == 0
    heard_at = world.wall.true_gps() - 3  # the windows have passed since
    correction = (heard_at - said).to_bytes(4, "little", signed=True)
    say(world, device, 202, b"\x01" + correction + bytes((token,)))
    utc, ms, tick = device.take_time()
    age_s = world.clock.ticks_diff(world.clock.ticks_ms(), tick) / 1000
    assert abs(utc + ms / 1000 + age_s - (world.wall.start_utc + world.board.mono())) <= 4
    device.ask_time()
    assert request_time(world, device)[1] == 1, "the token moves on after an answer"


def test_an_answer_to_another_request_changes_nothing():
    world, device = ready(["clock"])
    device.ask_time()
    request_time(world, device)
    say(world, device, 202, b"\x01\x10\0\0\0\x05")
    assert device.take_time() is None
    say(world, device, 202, b"\x01\x10\0\0")
    assert device.take_time() is None


def test_the_server_sets_the_period_and_forces_requests():
    world, device = ready(["clock"])
    say(world, device, 202, b"\x02\x00")
    assert answers(world, 202)[-1][:2] == b"\x02\x00"
    assert 90 <= device.due_ms() / 1000 <= 158
    world.pass_s(device.due_ms() // 1000)
    request_time(world, device)
    assert device.due_ms() / 1000 >= 90
    say(world, device, 202, b"\x03\x02")
    assert answers(world, 202)[-1][0] == 1
    say(world, device, 202, b"\x00")
    assert answers(world, 202)[-1] == b"\x00\x01\x02"


# -- TS004 -----------------------------------------------------------------------------------------------------------------


def setup(version, block, size, count=1, index=1, descriptor=b"\x01\x02\x03\x04", ack=0, padding=None, matrix=0):
    """FragSessionSetupReq as the server writes it."""
    number = -(-len(block) // size)
    short = number * size - len(block) if padding is None else padding
    head = bytes((2, index << 4)) + number.to_bytes(2, "little") + bytes((size, matrix << 3 | ack << 6, short)) + descriptor
    if version == 1:
        return head
    key = Aes(GEN_APP_KEY, 1).encrypt(b"\x30" + bytes(15))
    first = b"\x49" + count.to_bytes(2, "little") + bytes((index,)) + descriptor + bytes(4) + len(block).to_bytes(4, "little")
    return head + count.to_bytes(2, "little") + cmac(key, first + block)[:4]


def pieces(version, block, size, index=1, extra=30):
    """Every fragment with its header: those of the block, then coded ones."""
    number = -(-len(block) // size)
    rows = [block[i * size : (i + 1) * size].ljust(size, b"\0") for i in range(number)]
    for line in range(1, extra + 1):
        mask, row = fragments.parity(line, number, version), bytearray(size)
        for i in range(number):
            if mask >> i & 1:
                fragments.xor_into(row, rows[i])
        rows.append(bytes(row))
    return [b"\x08" + (index << 14 | n + 1).to_bytes(2, "little") + row for n, row in enumerate(rows)]


@pytest.mark.parametrize("version", [1, 2])
def test_a_block_with_a_fifth_of_its_fragments_lost_lands_in_a_file_and_is_handed_on(version, folder, capsys):
    world, device = ready(["blocks"], version)
    got = []
    device.on_block = lambda descriptor, path, size: got.append((descriptor, (folder / path).read_bytes()[:size])) or True
    block = random.Random(5).randbytes(1190)
    say(world, device, 201, setup(version, block, 48, ack=int(version == 2)))
    assert answers(world, 201)[-1] == bytes((2, 0x40))
    chance = random.Random(3)
    for piece in pieces(version, block, 48):
        if chance.random() > 0.2 and not got:
            say(world, device, 201, piece)
    assert got == [(b"\x01\x02\x03\x04", block)]
    assert "kerb block 1 01020304 1190" in capsys.readouterr().out
    if version == 2:
        world.pass_s(device.due_ms() // 1000)
        device.tend()
        assert answers(world, 201)[-1] == b"\x04\x01", "FragDataBlockReceivedReq without MIC error"


def test_fragments_of_the_other_version_do_not_make_a_block():
    """The parity matrices differ: with the wrong one the MIC of version 2 says so."""
    world, device = ready(["blocks"], 2)
    block = random.Random(5).randbytes(480)
    say(world, device, 201, setup(2, block, 48))
    for piece in pieces(1, block, 48)[3:]:
        say(world, device, 201, piece)
    assert device.packages[201].sessions[1].state in (None, False)


def test_a_group_receives_a_block_and_answers_spread_over_the_time_given(folder):
    world, device = ready(["groups", "blocks"])
    group = Group(world.network)
    say(world, device, 200, group.set_up())
    block = random.Random(9).randbytes(200)
    say(world, device, 201, setup(2, block, 50))
    for piece in pieces(2, block, 50)[:3]:
        world.speak(group.frame(201, piece))
        device.wait(5_000)
        assert device.receive() is None
    world.speak(group.frame(201, b"\x01\x03"))
    device.wait(5_000)
    device.receive()
    assert 0 <= device.due_ms() / 1000 <= 16
    world.pass_s(16)
    device.tend()
    assert answers(world, 201)[-1] == b"\x01\x03\x40\x01\x00", "three received, one missing, in session 1"


@pytest.mark.parametrize(
    ("version", "options", "want"),
    [
        (1, {"matrix": 1}, 0x41), (2, {"matrix": 1}, 0x41), (2, {"padding": 200}, 0x42), (2, {"count": 0}, 0x50),
    ],
)  # fmt: skip
def test_a_session_that_cannot_be_is_refused_by_the_right_bit(version, options, want):
    world, device = ready(["blocks"], version)
    if "count" in options:
        say(world, device, 201, setup(2, bytes(100), 50, count=0))
    say(world, device, 201, setup(version, bytes(100), 50, **options))
    assert answers(world, 201)[-1] == bytes((2, want))
    assert version == 1 or list(device.packages[201].sessions) == ([1] if "count" in options else [])


def test_a_block_too_large_is_refused_and_a_session_is_deleted_with_its_file(folder):
    world, device = ready(["blocks"])
    say(world, device, 201, setup(2, bytes(70_000), 250))
    assert answers(world, 201)[-1] == bytes((2, 0x42)) and not list(folder.iterdir())
    say(world, device, 201, setup(2, bytes(100), 50, count=2))
    assert [path.name for path in folder.iterdir()] == ["block1.bin"]
    say(world, device, 201, b"\x03\x01")
    assert answers(world, 201)[-1] == b"\x03\x01" and not list(folder.iterdir())
    say(world, device, 201, b"\x03\x01")
    assert answers(world, 201)[-1] == b"\x03\x05"


def test_a_damaged_block_is_told_and_not_handed_on(capsys):
    world, device = ready(["blocks"])
    device.on_block = lambda *_: pytest.fail("a block nobody signed")
    request = bytearray(setup(2, bytes(100), 50, ack=1))
    request[-1] ^= 1
    say(world, device, 201, bytes(request))
    for piece in pieces(2, bytes(100), 50)[:2]:
        say(world, device, 201, piece)
    assert "kerb block 1 01020304 damaged" in capsys.readouterr().out
    world.pass_s(16)
    device.tend()
    assert answers(world, 201)[-1] == b"\x04\x05"


def test_a_package_that_needs_a_key_names_it():
    with pytest.raises(ConfigError, match="gen_app_key of 16 bytes"):
        ClassC(TABLE, config={"packages": ["groups"]}).start(IDENTITY)


# -- strangers -------------------------------------------------------------------------------------------------------------


def test_whatever_a_signed_message_says_to_a_package_nothing_is_raised():
    world, device = ready(["clock", "groups", "blocks"])
    chance = random.Random(11)
    for number in range(1500):
        port = chance.choice((200, 201, 202))
        payload = bytes((chance.choice((0, 1, 2, 3, 4, 5, 8, chance.randrange(256))),)) + chance.randbytes(chance.randrange(40))
        device.mac.deliver(port, payload)
        assert device.receive() is None
        if number % 50 == 0:
            world.pass_s(3600)
            device._queue.clear()
            device.tend()
    assert device.send(b"still here", 1, False) and SECRETS["gen_app_key"] not in repr(device.packages)


def test_both_interpreters_live_through_a_sitting_with_every_package_alike(folder):
    program = os.environ.get("MICROPYTHON") or shutil.which("micropython") or os.path.join(sys.prefix, "bin", "micropython")
    (folder / "region.json").write_text(json.dumps(TABLE))
    done = subprocess.run(
        [program, "-X", "heapsize=128wk", str(ROOT / "tests/firmware/lorawan_extra_story.py"), "region.json"],
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'tests/firmware'}:{ROOT / 'firmware'}"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr
    theirs = json.loads(done.stdout.splitlines()[-1])
    ours = [story(TABLE, version) for version in (1, 2)]
    for one in ours:
        assert one["wrongs"] == [] and len(one["said"]) >= 9 and len(one["blocks"]) == 1 and one["blocks"][0][1] is True
    assert theirs == json.loads(json.dumps(ours))
