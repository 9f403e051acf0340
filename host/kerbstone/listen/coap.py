"""Listens to what devices post over CoAP (RFC 7252): POST coap://host/k/<device id>, payload = a record as on every bearer, answer 2.04.

A repeat under the same message id is answered again and not taken twice (section 4.2; aiocoap keeps the exchange). A record that is
posted anew under another id is a new message: only the record in it can say that it is a repeat.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from types import TracebackType

import aiocoap
from aiocoap.resource import PathCapable, Resource, Site

from kerbstone.errors import CoapError
from kerbstone.listen.mqtt import Arrival

PATH = "k"
_START_S = 5.0
_LONGEST = 2048  # of a payload; nothing a device sends comes near


class _Records(Resource, PathCapable):
    """What lies under the first path segment: one segment more, the device."""

    def __init__(self, sink: Callable[[str, bytes], None]):
        super().__init__()
        self._sink = sink

    async def render_post(self, request: aiocoap.Message) -> aiocoap.Message:
        path = request.opt.uri_path
        if len(path) != 1 or not path[0]:
            return aiocoap.Message(code=aiocoap.NOT_FOUND, payload=b"post to /k/<device id>")
        if not request.payload or len(request.payload) > _LONGEST:
            return aiocoap.Message(code=aiocoap.BAD_REQUEST, payload=b"one record, not empty")
        self._sink(path[0], bytes(request.payload))
        return aiocoap.Message(code=aiocoap.CHANGED)


class CoapListener:
    """A CoAP server of our own in a thread. Every method may be called from any thread.

    `paths`: first segments under which records are taken. `on_arrival` is called for each arrival from the server's thread; it must
    return soon.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, paths: Collection[str] = (PATH,),
                 on_arrival: Callable[[Arrival], None] | None = None):
        self.host, self.port, self.paths = host, port, paths
        self._on_arrival = on_arrival
        self._changed = threading.Condition()
        self._arrivals: list[Arrival] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._up = threading.Event()
        self._trouble = ""
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    def start(self) -> None:
        """Returns when it listens. Raises CoapError when it cannot."""
        self.port = self.port or _free_port(self.host)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        if not self._up.wait(_START_S) or self._trouble:
            raise CoapError(f"No CoAP server can listen at {self.host}:{self.port} ({self._trouble or 'no answer'}); choose another port.")

    async def _serve(self) -> None:
        site = Site()
        for path in self.paths:
            site.add_resource([path], _Records(self._take))
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            context = await aiocoap.Context.create_server_context(site, bind=self.address, transports=["simplesocketserver"])
        except OSError as error:
            self._trouble = error.strerror or str(error)
            self._up.set()
            return
        self._up.set()
        await self._stop.wait()
        await context.shutdown()

    def close(self) -> None:
        """Ends it and waits for the end."""
        if self._loop and self._stop and self._thread and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_START_S)

    def __enter__(self) -> CoapListener:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _take(self, device: str, payload: bytes) -> None:
        with self._changed:
            arrival = Arrival(len(self._arrivals), device, payload, False, False)
            self._arrivals.append(arrival)
            self._changed.notify_all()
        if self._on_arrival:
            self._on_arrival(arrival)

    def arrivals(self) -> list[Arrival]:
        """Everything so far, in order."""
        with self._changed:
            return list(self._arrivals)

    def wait_quiet(self, expected: Mapping[str, int], timeout_s: float) -> dict[str, int]:
        """Waits until each device has posted as many records as expected; returns what is missing, by device."""
        end = time.monotonic() + timeout_s
        with self._changed:
            while True:
                counts = Counter(a.device for a in self._arrivals)
                missing = {device: count - counts[device] for device, count in expected.items() if count > counts[device]}
                if not missing or not self._changed.wait(max(end - time.monotonic(), 0)):
                    return missing


def _free_port(host: str) -> int:
    """A UDP port nobody has; someone may still take it before us, which then is an error with a sentence."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
