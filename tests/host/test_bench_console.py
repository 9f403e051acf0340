"""The friendly prompt byte by byte, and the parts of a console that need no board."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerbstone.bench.repl import Session, start_interpreter
from kerbstone.bench.repl_screen import RAW_BANNER, Screen
from kerbstone.emulator.board.limits import LIMITS
from kerbstone.emulator.board.spec import DeviceSpec

CURRENT_UA = {"boot": 40_000.0, "active": 40_000.0, "light_sleep": 2_000.0, "deep_sleep": 14.0}
PC_BANNER = b'MicroPython 9458e3a23f on 2026-07-05; linux [GCC 14.2.1] version\r\nType "help()" for more information.\r\n>>> '
BANNER = b'MicroPython v1.29.0 on 2026-07-05; Test board\r\nType "help()" for more information.\r\n>>> '


class Terminal:
    """A person at the console of a bare board, over a socket."""

    def __init__(self, folder: Path, mcu: str, content: bytes = b"\xff"):
        (folder / "flash").write_bytes(content * (1 << 20))
        self.ours, self._theirs = socket.socketpair()
        spec = DeviceSpec("board", "Test board", LIMITS[mcu], 192, 50, 50, CURRENT_UA, "0123456789ab", "020000000001", 1)
        self.session: Session = start_interpreter(folder / "flash", 0x80000, 0x80000, self._theirs.fileno(), spec)

    def until(self, end: bytes, seconds: float = 10.0) -> bytes:
        """What is shown up to and including `end`."""
        text, limit = b"", time.monotonic() + seconds
        while not text.endswith(end):
            assert time.monotonic() < limit and not self.session.error, f"shown: {text!r}, error: {self.session.error!r}"
            if select.select([self.ours], [], [], 0.1)[0]:
                text += self.ours.recv(1)
        return text

    def type(self, text: bytes, end: bytes = b">>> ") -> bytes:
        self.ours.send(text)
        return self.until(end)

    def close(self) -> None:
        self.session.stop()
        self.ours.close()
        self._theirs.close()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, "rp2040")
    terminal.until(b">>> ")
    yield terminal
    terminal.close()


def save(terminal: Terminal, name: str, text: str) -> None:
    """Writes a file of the board from its raw prompt."""
    terminal.type(b"\x01", RAW_BANNER + b">")
    terminal.type(f"with open({name!r}, 'w') as f: f.write({text!r})\n\x04".encode(), b"\x04>")
    terminal.type(b"\x02")


def test_a_board_greets_as_a_board(tmp_path: Path):
    terminal = Terminal(tmp_path, "rp2040")
    shown = terminal.until(b">>> ")
    terminal.close()
    assert shown.startswith(b"MicroPython v1.29.0 on ") and b"; Test board\r\n" in shown and b"linux" not in shown


def test_ctrl_c_that_comes_while_main_imports_ends_it_and_not_the_import(terminal: Terminal):
    """It waits in the computer for the USB of the RP2040, so it comes with the first thing main.py asks of the board: where asyncio is."""
    save(terminal, "main.py", "import asyncio\nasync def f():\n    while True: await asyncio.sleep_ms(20)\nasyncio.run(f())\n")
    assert b"KeyboardInterrupt" in terminal.type(b"\x04\x03")


def test_ctrl_d_shows_the_soft_reboot_then_boot_then_main_then_the_banner(terminal: Terminal):
    save(terminal, "boot.py", "print('boot speaks')")
    save(terminal, "main.py", "print('main speaks')\nword = 'set by main'")
    shown = terminal.type(b"\x04")
    marks = [b"MPY: soft reboot\r\n", b"boot speaks\n", b"main speaks\n", b"MicroPython v1.29.0 on "]
    places = [shown.index(m) for m in marks]
    assert places == sorted(places) and shown.count(b"MicroPython ") == 1
    assert b"'set by main'" in terminal.type(b"word\r")


def test_ctrl_d_at_the_raw_prompt_stays_raw_and_leaves_main_out(terminal: Terminal):
    save(terminal, "boot.py", "print('boot speaks')")
    save(terminal, "main.py", "print('main speaks')")
    terminal.type(b"\x01", RAW_BANNER + b">")
    shown = terminal.type(b"\x04", RAW_BANNER + b">")
    assert shown == b"OK\r\nMPY: soft reboot\r\nboot speaks\n" + RAW_BANNER + b">"
    assert terminal.type(b"\x02").count(b"MicroPython v1.29.0") == 1


def test_a_failing_boot_shows_its_own_lines_only_and_main_is_left_out(terminal: Terminal):
    save(terminal, "boot.py", "def f():\n    1 / 0\nf()\n")
    save(terminal, "main.py", "print('main speaks')")
    shown = terminal.type(b"\x04").decode()
    trace = shown[shown.index("Traceback") : shown.index("MicroPython")]
    assert trace.splitlines() == [
        "Traceback (most recent call last):", '  File "boot.py", line 3, in <module>', '  File "boot.py", line 2, in f',
        "ZeroDivisionError: divide by zero",
    ]
    assert "main speaks" not in shown


def test_ctrl_c_ends_a_wait_at_once_and_the_board_goes_on_working(terminal: Terminal):
    terminal.ours.send(b"import time; time.sleep(60)\r")
    time.sleep(0.3)
    began = time.monotonic()
    assert b"KeyboardInterrupt" in terminal.type(b"\x03")
    assert time.monotonic() - began < 1
    assert b"\r\n3\n" in terminal.type(b"1 + 2\r").replace(b"\r\n3\r\n", b"\r\n3\n")


def test_ctrl_c_a_hundred_times_at_every_moment_never_costs_the_board_its_balance(terminal: Terminal):
    """Interrupts at shifting moments of a program that computes, reads, writes and asks: the link and the files stay sound."""
    save(terminal, "mix.py", (
        "import time, machine\nn = 0\ndef run():\n    global n\n    while True:\n        n += 1\n        sum(range(n % 5000))\n"
        "        with open('f', 'w') as f: f.write('abc' * (n % 500))\n        with open('f') as f: f.read()\n"
        "        time.ticks_us(); time.sleep_us(n % 300); machine.unique_id()\n"
    ))
    terminal.type(b"import mix\r")
    for i in range(100):
        terminal.ours.send(b"mix.run()\r")
        time.sleep(0.01 + i % 17 * 0.0031)
        assert b"KeyboardInterrupt" in terminal.type(b"\x03")
    assert b"alive 7" in terminal.type(b"print('alive', 3 + 4)\r", b"\n>>> ")
    assert b"True" in terminal.type(b"len(open('mix.py').read()) > 200\r")


def test_kbd_intr_off_lets_every_byte_through(terminal: Terminal):
    save(terminal, "take.py", (
        "import sys, micropython\nmicropython.kbd_intr(-1)\nprint('ready')\nb = sys.stdin.buffer.read(256)\n"
        "micropython.kbd_intr(3)\nprint(b == bytes(range(256)))\n"
    ))
    terminal.type(b"import take\r", b"ready\n")
    assert b"True" in terminal.type(bytes(range(256)))


def test_an_esp32_formats_a_blank_flash_and_knows_its_soft_reset(tmp_path: Path):
    terminal = Terminal(tmp_path, "esp32")
    try:
        terminal.until(b">>> ")
        assert b"\n1 0\n" in terminal.type(b"import machine, os; print(machine.reset_cause(), len(os.listdir()))\r")
        terminal.type(b"\x04")
        assert b"\n5 True\n" in terminal.type(b"import machine, esp32; print(machine.reset_cause(), hasattr(esp32, 'NVS'))\r")
    finally:
        terminal.close()


def test_an_esp32_does_not_format_what_it_cannot_read(tmp_path: Path):
    terminal = Terminal(tmp_path, "esp32", content=b"\x5a")
    try:
        assert b"corrupted" in terminal.until(b"corrupted")
        assert (tmp_path / "flash").read_bytes() == b"\x5a" * (1 << 20)
    finally:
        terminal.close()


def test_a_port_nobody_reads_loses_output_and_stops_nothing(terminal: Terminal):
    terminal.type(b"import machine, time; n = 0; t = machine.Timer()\r")
    terminal.ours.send(b"while n < 30000: print('x' * 60); n += 1\r\r\r")
    time.sleep(6)
    while select.select([terminal.ours], [], [], 0.5)[0] and terminal.ours.recv(65536):
        pass
    assert b"30000" in terminal.type(b"n\r")


def test_bootloader_ends_the_session_with_its_reason(terminal: Terminal):
    terminal.ours.send(b"import machine; machine.bootloader()\r")
    assert terminal.session.wait(5) == "bootloader"


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_the_banner_is_replaced_however_the_output_is_cut(cuts: list[int]):
    """The interpreter writes each half of its banner in one piece; what surrounds it may be cut anywhere."""
    screen = Screen("v1.29.0", "Test board")
    head, tail = PC_BANNER[:36], PC_BANNER[36:]
    assert head.endswith(b"2026-07-05")
    before = b"abcdefghijklmnopqrstuvwxyz"
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(before[at : at + cut])
        at += cut
    pieces += [before[at:], head, tail]
    assert b"".join(screen.take(p) for p in pieces) + screen.rest() == before + BANNER
    assert not screen.raw


@given(st.binary(max_size=400), st.integers(0, 400))
def test_other_bytes_pass_untouched_and_at_once(data: bytes, cut: int):
    screen = Screen("v1.29.0", "Test board")
    for piece in (data[:cut], data[cut:]):
        assert screen.take(piece) == piece or b"MicroPython " in data


def test_the_raw_prompt_is_known_when_its_banner_comes_in_two_pieces():
    screen = Screen("v1.29.0", "Test board")
    screen.take(b"\r\nraw REPL; CTRL")
    screen.take(b"-B to exit\r\n")
    screen.take(b">")
    assert screen.raw
    screen.take(b'Type "help()" for more information.\r\n>>> ')
    assert not screen.raw


def test_a_start_into_the_raw_prompt_hides_the_friendly_one():
    screen = Screen("v1.29.0", "Test board")
    screen.restart(raw=True)
    assert screen.take(b"boot speaks\n") == b"boot speaks\n"
    screen.prompt()
    assert screen.hiding and screen.take(PC_BANNER + b"\r\nraw REPL; CTRL-B") == b""
    assert screen.take(b" to exit\r\n>") == RAW_BANNER + b">" and not screen.hiding


def test_the_session_leaves_no_process_and_no_descriptor(tmp_path: Path):
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    terminal = Terminal(tmp_path, "rp2040")
    terminal.until(b">>> ")
    process = terminal.session.device.process
    assert process is not None
    pid = process.pid
    terminal.close()
    assert descriptors() == before and not Path(f"/proc/{pid}").exists()
