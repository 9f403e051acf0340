"""Listens to what devices post over CoAP (RFC 7252): POST coap://host/k/<device id>, payload = a record as on every bearer, answer 2.04.

A query `c=` is the low 16 bits of the CRC-32 over device id and payload, in hexadecimal: the line between a chip and its modem checks
nothing. Where it does not fit, the answer is 4.00 and the record is not taken.

GET coap://host/k/<device id>/<name> gives blocks (RFC 7959) of what lies on the `shelf` for a device; any block, so that a device may go on
with them days later.

A repeat under the same message id is answered again and not taken twice (section 4.2; aiocoap keeps the exchange). A record that is
posted anew under another id is a new message: only the record in it can say that it is a repeat.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Protocol

import aiocoap
from aiocoap.optiontypes import BlockOption
from aiocoap.resource import PathCapable, Resource, Site

from kerbstone.errors import CoapError
from kerbstone.listen.mqtt import Arrival

PATH = "k"
_ANY = ("0.0.0.0", "::")
_START_S = 5.0
_LARGEST_BLOCK = 6  # 1,024 bytes
_LONGEST = 2048  # of a payload; nothing a device sends comes near


def damaged(request: aiocoap.Message, device: str | None = None) -> bool:
    """Whether its query says that device id (the last part of its path unless given) and payload are not what was sent."""
    device = device or (request.opt.uri_path or ("",))[-1]
    check = f"c={zlib.crc32(device.encode() + request.payload) & 0xFFFF:04x}"
    return any(query.startswith("c=") and query != check for query in request.opt.uri_query)


class Shelf(Protocol):
    """What a server keeps for devices; kerbstone.update.carry.coap has one."""

    def heard(self, device: str, payload: bytes) -> object:
        """A message of a device has come."""

    def offer(self, device: str) -> bytes:
        """What the acknowledgement of a record tells the device; may be empty."""

    def bundle(self, device: str, name: str) -> bytes | None:
        """What lies there for a device under a name."""


class _Records(Resource, PathCapable):
    """What lies under the first path segment: one segment more, the device."""

    def __init__(self, listener: CoapListener):
        super().__init__()
        self._listener = listener

    async def needs_blockwise_assembly(self, request: aiocoap.Message) -> bool:
        """Not for GET: aiocoap would want a device to begin with the first block."""
        return request.code != aiocoap.GET

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        path, shelf = request.opt.uri_path, self._listener.shelf
        if not shelf or len(path) != 2:
            return aiocoap.Message(code=aiocoap.METHOD_NOT_ALLOWED, payload=b"post to /k/<device id>")
        content = shelf.bundle(*path)
        if content is None:
            return aiocoap.Message(code=aiocoap.NOT_FOUND, payload=b"nothing here for this device")
        block = request.opt.block2 or BlockOption.BlockwiseTuple(0, False, _LARGEST_BLOCK)
        if block.size_exponent > _LARGEST_BLOCK or block.start >= len(content):
            return aiocoap.Message(code=aiocoap.BAD_OPTION, payload=b"there is no such block")
        answer = aiocoap.Message(code=aiocoap.CONTENT, payload=content[block.start : block.start + block.size])
        answer.opt.block2 = (block.block_number, block.start + block.size < len(content), block.size_exponent)
        return answer

    async def render_post(self, request: aiocoap.Message) -> aiocoap.Message:
        path = request.opt.uri_path
        if len(path) != 1 or not path[0]:
            return aiocoap.Message(code=aiocoap.NOT_FOUND, payload=b"post to /k/<device id>")
        if not request.payload or len(request.payload) > _LONGEST:
            return aiocoap.Message(code=aiocoap.BAD_REQUEST, payload=b"one record, not empty")
        if damaged(request, path[0]):
            return aiocoap.Message(code=aiocoap.BAD_REQUEST, payload=b"damaged")
        offer = self._listener.take(path[0], bytes(request.payload))
        return aiocoap.Message(code=aiocoap.CHANGED, payload=offer)


class CoapListener:
    """A CoAP server of our own in a thread. Every method may be called from any thread.

    `paths`: first segments under which records are taken. `on_arrival` is called for each arrival from the server's thread; it must
    return soon.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, paths: Collection[str] = (PATH,),
                 on_arrival: Callable[[Arrival], None] | None = None):
        self.host, self.port, self.paths = host, port, paths
        self.shelf: Shelf | None = None
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
            site.add_resource([path], _Records(self))
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(_told)
        try:
            if self.host in _ANY:  # only this transport knows from which of its addresses to answer
                context = await aiocoap.Context.create_server_context(site, bind=("::", self.port), transports=["udp6"])
            else:
                context = await aiocoap.Context.create_server_context(site, bind=self.address, transports=["simplesocketserver"])
        except (OSError, ValueError, AttributeError, aiocoap.error.Error) as error:
            self._trouble = getattr(error, "strerror", None) or str(error) or type(error).__name__
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

    def take(self, device: str, payload: bytes) -> bytes:
        """A record; what its acknowledgement carries for the device."""
        with self._changed:
            arrival = Arrival(len(self._arrivals), device, payload, False, False)
            self._arrivals.append(arrival)
            self._changed.notify_all()
        if self._on_arrival:
            self._on_arrival(arrival)
        if not self.shelf:
            return b""
        self.shelf.heard(device, payload)
        return self.shelf.offer(device)

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


def _told(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What nobody could read is dropped in silence, as RFC 7252 section 4.2 has it; aiocoap raises for text that is no UTF-8."""
    if not isinstance(context.get("exception"), UnicodeDecodeError):
        loop.default_exception_handler(context)


def _free_port(host: str) -> int:
    """A UDP port nobody has; someone may still take it before us, which then is an error with a sentence."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
