"""A bench for one virtual modem: its keys, its line, its clock; and real servers on loopback."""

from __future__ import annotations

import random
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kerbstone.emulator.kernel import SECOND_US, Kernel
from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.modems.modem import Modem
from kerbstone.emulator.parts.base import Line, PartContext
from kerbstone.emulator.world.constant import Constant

START_UTC = 1_775_174_400


class Chat:
    """One modem, and the host at the other end of its UART."""

    def __init__(self, modem: type[Modem], seed: int = 1, keys: bool = True, **options: Any):
        self.kernel = Kernel()
        self.kernel.end = 1 << 62
        self.lines = {n: Line(n, level) for n, level in (("pwrkey", 1), ("status", 0), ("dtr", 0), ("reset", 1))} if keys else {}
        self.meter = Meter(self.kernel, "modem")
        options = {"start_utc": START_UTC, "node": "node", **options}
        context = PartContext("modem", self.kernel, Constant(0, random.Random(1), {}), random.Random(seed), self.meter, options, self.lines)
        self.modem: Any = modem(context)
        self.modem.to_mcu = self._take
        self.modem.power_on()
        self.got = b""
        self.heard = b""  # since the beginning

    def _take(self, data: bytes) -> None:
        self.got += data
        self.heard += data

    def wait(self, seconds: float) -> None:
        self.kernel.run(self.kernel.now + round(seconds * SECOND_US))

    def press(self, seconds: float, key: str = "pwrkey") -> None:
        self.lines[key].drive(0)
        self.wait(seconds)
        self.lines[key].drive(1)

    def write(self, data: bytes | str) -> None:
        raw = data.encode("latin-1") if isinstance(data, str) else data
        self.kernel.after(len(raw) * 10_000_000 // 115_200, self._write, raw)

    def _write(self, raw: bytes) -> None:
        if self.modem.baud == 115_200:
            self.modem.uart_write(raw)
        else:
            self.modem.uart_other(raw, 115_200, (8, None, 1))

    def until(self, pattern: str, seconds: float = 60) -> str:
        """What came up to and with `pattern`; fails when it does not come."""
        end = self.kernel.now + round(seconds * SECOND_US)
        while True:
            match = re.search(pattern.encode("latin-1"), self.got, re.DOTALL)
            if match:
                before, self.got = self.got[: match.end()], self.got[match.end() :]
                return before.decode("latin-1")
            assert self.kernel.now < end, f"{pattern!r} did not come; there was {self.got!r}"
            due = self.kernel.next_due()
            self.kernel.run(min(end, due if due is not None else end))

    def ask(self, command: str, seconds: float = 60, final: str = r"(?:OK|ERROR|\+CME ERROR: [^\r]*)") -> list[str]:
        """The lines a command gets, its final one the last, its echo left out."""
        self.write(f"{command}\r")
        text = self.until(rf"\r\n{final}\r\n", seconds)
        return [line for line in text.replace("\r", "\n").split("\n") if line and line != command]

    def start(self, press_s: float = 1.2, boot_s: float = 6, rate: bool = True) -> None:
        """Switches it on and gets the line to 115200 baud without echo."""
        if "pwrkey" in self.lines and self.modem.mode == "off":
            self.press(press_s)
        self.wait(boot_s)
        self.got = b""
        assert self.ask("AT")[-1] == "OK"
        if rate:
            assert self.ask("AT+IPR=115200")[-1] == "OK"
        assert self.ask("ATE0")[-1] == "OK"
        self.got = b""

    def registered(self, seconds: float = 120) -> None:
        end = self.kernel.now + round(seconds * SECOND_US)
        while not self.modem.radio.registered:
            assert self.kernel.now < end, "never registered"
            self.wait(0.5)


@contextmanager
def echo_server() -> Iterator[tuple[str, int]]:
    """A real UDP server that sends everything back with `>` before it."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(0.1)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                data, peer = server.recvfrom(2048)
            except TimeoutError:
                continue
            server.sendto(b">" + data, peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()
    finally:
        over.set()
        thread.join()
        server.close()
