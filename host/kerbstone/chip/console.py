"""The chip's USB console, and MicroPython's raw REPL on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerbstone.chip.library import Library


class Console:
    """The host's end of the USB cable. `text` is everything the chip has printed."""

    def __init__(self, library: Library, mcu: Any):
        self.text = bytearray()
        self.connected = 0  # how often the chip appeared on the bus
        self.on_data: Callable[[], None] = lambda: None
        self._usb = mcu.usb_ctrl
        self._cdc = library.usb_cdc(self._usb)
        self._cdc.on_serial_data = self._received
        self._cdc.on_device_connected = self._appeared
        self._ready: int | None = None  # how many bytes the chip waits for
        self._to_send = bytearray()
        self._others = self._usb.on_endpoint_read
        self._usb.on_endpoint_read = self._wants

    def send(self, data: bytes) -> None:
        """Types on the console."""
        self._to_send += data
        self._serve()

    def forget(self) -> None:
        """The chip was reset: whatever was under way on the bus is void."""
        self._ready = None
        self._to_send.clear()

    def _appeared(self) -> None:
        self.connected += 1
        self.on_data()

    def _received(self, data: bytes) -> None:
        self.text += data
        self.on_data()

    def _wants(self, endpoint: int, size: int) -> None:
        # The library answers every request at once, with nothing if there is nothing: the chip then asks again, an interrupt
        # each 30 us, and never sleeps. Keeping the request until there is something makes waiting 200 times cheaper.
        if endpoint == self._cdc._out_endpoint:
            self._ready = size
            self._serve()
        else:
            self._others(endpoint, size)

    def _serve(self) -> None:
        if self._ready is not None and self._to_send:
            data = bytes(self._to_send[: self._ready])
            del self._to_send[: len(data)]
            self._ready = None
            self._usb.endpoint_read_done(self._cdc._out_endpoint, bytearray(data))
