"""MQTT brokers: the address of one, whether it answers, and one of our own for runs without any."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho

import kerbstone
from kerbstone.errors import BrokerError

PATIENCE_S = 3.0  # a broker that takes longer to say hello is none to work with
_START_S = 10.0  # our own: 0.3 s on an idle machine, a few under load
_STOP_S = 3.0


@dataclass(frozen=True)
class BrokerAddress:
    """Where a broker listens and who we are there. The text form never holds the password."""

    host: str
    port: int = 1883
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> BrokerAddress:
        """`mqtt://user:password@host:port`; all but the host may be left out. Raises BrokerError, without the password in it."""
        parts = urlsplit(text if "://" in text else f"mqtt://{text}")
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            raise BrokerError("The broker's port is not a number from 1 to 65535: write mqtt://host:port.") from None
        if parts.scheme != "mqtt":
            raise BrokerError(f"The broker's address begins with {parts.scheme}://, but only mqtt:// is spoken here.")
        if not host or port == 0 or parts.path.strip("/") or parts.query or parts.fragment:
            raise BrokerError("The broker's address is not of the form mqtt://user:password@host:port.")
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password is not None else None
        if password is not None and user is None:
            raise BrokerError("The broker's address has a password but no user: write mqtt://user:password@host:port.")
        return cls(host, port or 1883, user, password)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def new_client(self, client_id: str, clean: bool = True) -> paho.Client:
        """A paho client (MQTT 3.1.1) with our name and password, not yet connected."""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, clean_session=clean, protocol=paho.MQTTv311)
        client.connect_timeout = PATIENCE_S
        if self.user is not None:
            client.username_pw_set(self.user, self.password)
        return client


def check(address: BrokerAddress) -> None:
    """Raises BrokerError unless an MQTT broker at the address lets us in within PATIENCE_S."""
    answered = threading.Event()
    welcome: list[bool] = []
    refusal: list[str] = []

    def connected(_client: paho.Client, _data: object, _flags: object, reason: object, _properties: object) -> None:
        if getattr(reason, "is_failure", False):
            refusal.append(str(reason))
        else:
            welcome.append(True)
        answered.set()

    def failed(_client: paho.Client, _data: object) -> None:
        answered.set()

    client = address.new_client(f"kerbstone-check-{os.getpid()}")
    client.on_connect = connected
    client.on_connect_fail = failed
    try:
        client.connect_async(address.host, address.port)
        client.loop_start()
        answered.wait(PATIENCE_S - 0.2)
    finally:
        client.disconnect()
        # paho's thread may still hang in a connection attempt; it is a daemon, and ends with its own time limit.
        threading.Thread(target=client.loop_stop, daemon=True).start()
    if refusal:
        raise BrokerError(f"The MQTT broker at {address} refuses us ({refusal[0]}): check user and password.")
    if not welcome:
        raise BrokerError(f"No MQTT broker answers at {address}; start one or leave out --broker.")


class EmbeddedBroker:
    """amqtt in a process of its own, on the loopback interface.

    A process and not a thread: it works while the emulator computes, is no danger to the emulator's forks, and can be killed in a test.
    It ends when this process does, however that ends: its standard input closes then. Sessions with CleanSession 0 are kept from one
    connection to the next, not from one start to the next.
    """

    def __init__(self, port: int = 0):
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> BrokerAddress:
        return BrokerAddress("127.0.0.1", self._port)

    def start(self) -> BrokerAddress:
        """Starts it, on the same port as before if it ran before. Raises BrokerError when it does not come up."""
        environment = dict(os.environ)
        paths = [str(Path(kerbstone.__file__).parents[1]), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(p for p in paths if p)
        with tempfile.TemporaryFile() as trouble:
            process = subprocess.Popen(
                [sys.executable, "-m", "kerbstone.listen.broker_process", str(self._port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=trouble,
                env=environment,
                start_new_session=True,  # Ctrl-C is for us; we stop it in our own time
            )
            self._process = process
            line = _first_line(process, _START_S)
            if not line.strip().isdigit():
                self.kill()
                trouble.seek(0)
                last = trouble.read().decode(errors="replace").strip().splitlines()[-1:] or ["no answer"]
                raise BrokerError(f"The embedded broker did not start ({last[0]}); give your own with --broker.")
        self._port = int(line)
        return self.address

    def stop(self) -> None:
        """Ends it and waits for the end."""
        process = self._process
        if process and process.stdin:
            with contextlib.suppress(OSError):
                process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
        self.kill()

    def kill(self) -> None:
        """Ends it at once, as a power cut would."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _first_line(process: subprocess.Popen[bytes], patience_s: float) -> bytes:
    """The first line the process writes; what there is of it when it ends or the time is up."""
    assert process.stdout
    line = b""
    end = time.monotonic() + patience_s
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(end - time.monotonic(), 0))
        more = os.read(process.stdout.fileno(), 64) if ready else b""
        if not more:
            break
        line += more
    return line
