"""UARTs of the chip: a receive buffer each, reads with a timeout in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack

from kerbstone.emulator.board.device import OK, Answer, Device
from kerbstone.emulator.engine import ops
from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts.base import UartPart

_INVERT_BOTH = 3  # UART.INV_TX | UART.INV_RX of the shim


class Uart:
    """One UART after `machine.UART(id, ...)`."""

    def __init__(self) -> None:
        self.baud = 9600
        self.framing: tuple[int, int | None, int] = (8, None, 1)
        self.invert = 0
        self.sent_us = 0  # when the last byte written has left
        self.room = 256
        self.buffer = bytearray()
        self.parts: list[UartPart] = []
        self.want = 0
        self.line = False
        self.deadline: Event | None = None


class Uarts:
    def __init__(self, device: Device):
        self.device = device
        self.uarts: dict[int, Uart] = {}
        self.parts: dict[int, list[UartPart]] = {}  # MCU's rx pin -> parts on the wires
        device.ops[ops.UART_WRITE] = self._write
        device.ops[ops.UART_READ] = self._read
        device.ops[ops.UART_ANY] = self._any
        device.questions[ops.UART_ANY] = lambda bus, _b: len(self.uarts[bus].buffer) if bus in self.uarts else 0
        device.calls.update(uart=self._init, uart_off=self._off, uart_flush=self._flush, uart_done=self._done)
        device.on_stop.append(self._stop)

    def attach(self, rx: int, part: UartPart) -> None:
        self.parts.setdefault(rx, []).append(part)

    def _init(self, bus: int, baud: int, bits: int, parity: int | None, stop: int, tx: int | None, rx: int | None,
              room: int, invert: int) -> None:
        self._off(bus)
        uart = Uart()
        uart.baud, uart.room, uart.framing, uart.invert = baud, max(room, 16), (bits, parity, stop), invert
        for part in self.parts.get(rx, []) if rx is not None else []:
            uart.parts.append(part)
            part.to_mcu = self._receiver(uart, part)
        self.uarts[bus] = uart

    def _off(self, bus: int) -> None:
        uart = self.uarts.pop(bus, None)
        for part in uart.parts if uart else []:
            part.to_mcu = None

    def _stop(self) -> None:
        for bus in list(self.uarts):
            self._off(bus)

    def _receiver(self, uart: Uart, part: UartPart) -> Callable[[bytes], None]:
        return lambda data: self._arrived(uart, part, data)

    def _arrived(self, uart: Uart, part: UartPart, data: bytes) -> None:
        if not _agree(uart, part):
            # Framing errors: the receiver sees noise of about the same length.
            data = bytes((b * 167 + 13) & 0xFF for b in data)
        uart.buffer += data[: max(0, uart.room - len(uart.buffer))]
        if uart.deadline and self._satisfied(uart):
            uart.deadline.cancel()
            uart.deadline = None
            self.device.answer_later(self._take(uart))
        self.device.nudge(ops.MODE_POLL)

    def _satisfied(self, uart: Uart) -> bool:
        return len(uart.buffer) >= uart.want or (uart.line and b"\n" in uart.buffer)

    def _take(self, uart: Uart) -> Answer:
        count = min(uart.want, len(uart.buffer))
        if uart.line and b"\n" in uart.buffer:
            count = min(count, uart.buffer.index(b"\n") + 1)
        data = bytes(uart.buffer[:count])
        del uart.buffer[:count]
        return (0, len(data), data, 0)

    def _read(self, bus: int, line: int, data: bytes) -> Answer | None:
        uart = self.uarts[bus]
        uart.want, timeout_ms = unpack("<II", data)
        uart.line = bool(line)
        if not timeout_ms or self._satisfied(uart):
            return self._take(uart)
        uart.deadline = self.device.kernel.after(timeout_ms * 1000, self._timed_out, uart)
        return None

    def _timed_out(self, uart: Uart) -> None:
        uart.deadline = None
        self.device.answer_later(self._take(uart))

    def _any(self, bus: int, _b: int, _data: bytes) -> Answer:
        return (0, len(self.uarts[bus].buffer), b"", 0)

    def _write(self, bus: int, _b: int, data: bytes) -> Answer:
        uart = self.uarts[bus]
        kernel = self.device.kernel
        uart.sent_us = max(uart.sent_us, kernel.now) + len(data) * 10_000_000 // uart.baud
        for part in uart.parts:
            if not part.powered:
                continue
            if _agree(uart, part):
                kernel.at(uart.sent_us, part.uart_write, data)
            else:
                kernel.at(uart.sent_us, part.uart_other, data, uart.baud, uart.framing)
        return (OK[0], len(data), b"", 0)

    def _flush(self, bus: int) -> Answer:
        return (0, 0, b"", max(0, self.uarts[bus].sent_us - self.device.kernel.now))

    def _done(self, bus: int) -> bool:
        return self.uarts[bus].sent_us <= self.device.kernel.now


def _agree(uart: Uart, part: UartPart) -> bool:
    """Speed, frame and polarity are the part's."""
    return (uart.baud, uart.framing, uart.invert) == (part.baud, part.framing, _INVERT_BOTH if part.inverted else 0)
