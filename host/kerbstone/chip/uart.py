"""The chip's UARTs with virtual parts on them."""

from __future__ import annotations

from functools import partial
from typing import Any

from kerbstone.chip.engine import Chip
from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts.base import UartPart

_FUNCTION_UART = 2  # RP2040 data sheet 2.19.2
_TOLERANCE = 0.03  # what both ends together may be off before the stop bit is missed
# The part has spent the wire's time already; this only keeps the 32-byte receive FIFO from running over.
_SPACING_US = 40


_TRANSMIT = 1 << 5  # UARTTXINTR


def quieten(chip: Chip) -> None:
    """Ends an interrupt storm: the library's UARTs claim an empty transmitter after every acknowledgement.

    A real PL011 raises it once, when the FIFO runs empty; here the FIFO always is, and MicroPython never needs to be told.
    """
    for uart in chip.mcu.uart:
        uart.check_interrupts = partial(_check, chip.mcu, uart)


def _check(mcu: Any, uart: Any) -> None:
    uart._interrupt_status &= ~_TRANSMIT
    mcu.set_interrupt(uart.irq, bool(uart._interrupt_status & uart._interrupt_mask))


class UartBridge:
    """One UART and the part on it, known by the chip's receive pin."""

    def __init__(self, chip: Chip, number: int, rx: int, part: UartPart):
        self._chip = chip
        self._uart: Any = chip.mcu.uart[number]
        self._rx = rx
        self._part = part
        self._sent = bytearray()
        self._free_at = 0  # us: when the last byte has left
        self._delivery: Event | None = None
        self._uart.on_byte = self._byte
        part.to_mcu = self._arrived

    @property
    def _matched(self) -> bool:
        return abs(self._uart.baud_rate / self._part.baud - 1) <= _TOLERANCE

    def _byte(self, value: int) -> None:
        """The chip's transmitter has no speed of its own; the part hears the bytes once the wire would have carried them."""
        kernel = self._chip.kernel
        kernel.sync()
        self._sent.append(value)
        self._free_at = max(self._free_at, kernel.now) + 10_000_000 // self._part.baud
        if self._delivery:
            self._delivery.cancel()
        self._delivery = kernel.at(self._free_at, self._deliver)

    def _deliver(self) -> None:
        data, self._sent, self._delivery = bytes(self._sent), bytearray(), None
        if self._part.powered and self._matched:
            self._part.uart_write(data)

    def _arrived(self, data: bytes) -> None:
        uart = self._uart
        if not (uart.enabled and uart.rx_enabled and self._chip.mcu.gpio[self._rx].function_select == _FUNCTION_UART):
            return
        if not self._matched:
            # Framing errors: the receiver sees noise of about the same length.
            data = bytes((b * 167 + 13) & 0xFF for b in data)
        for i, value in enumerate(data):
            self._chip.kernel.after(i * _SPACING_US, self._feed, value)

    def _feed(self, value: int) -> None:
        if self._uart.enabled and not self._uart.rx_fifo.full:
            self._uart.feed_byte(value)
