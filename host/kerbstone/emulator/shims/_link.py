"""The wire between the interpreter and the emulated board: one packet out, one packet back.

Request  : op u8, a u8, b u16, debt u32 (us of work since the last request), payload
Reply    : errno u8, interrupts pending u8, payload length u16, value i32, now u64 (us), payload
The file descriptor 3 is a stream socket; a packet leaves in one write and the two sides take turns.
"""

import json
from struct import pack_into, unpack_from

from micropython import const

NOW = const(1)
SLEEP = const(2)
IRQS = const(3)
CALL = const(4)
PIN_GET = const(5)
PIN_SET = const(6)
I2C_WRITE = const(7)
I2C_READ = const(8)
I2C_MEM = const(9)
SPI = const(10)
UART_WRITE = const(11)
UART_READ = const(12)
UART_ANY = const(13)
FLASH_WRITE = const(14)
FLASH_ERASE = const(15)
SOCK_SEND = const(16)
SOCK_RECV = const(17)
ADC = const(18)
PULSE = const(19)

_HEAD = const(16)
ROOM = const(1024)  # payload bytes a packet can carry

_port = open(3, "r+b")
_tx = bytearray(8 + ROOM)
_rx = bytearray(_HEAD + ROOM)
payload = memoryview(_rx)[_HEAD:]

now = 0  # us of virtual time at the last reply
debt = 0  # us of work done since
length = 0  # bytes of payload in the last reply
handlers = {}  # interrupt source -> callable that serves it
_serving = False


def call(op, a=0, b=0, data=None):
    """One exchange; returns the reply's value. OSError(errno) when the board says no."""
    global now, debt, length
    pack_into("<BBHI", _tx, 0, op, a, b, debt)
    debt = 0
    if data is None:
        _port.write(_tx, 8)
    else:
        n = len(data)
        _tx[8 : 8 + n] = data
        _port.write(_tx, 8 + n)
    _port.readinto(_rx, _HEAD)
    error, pending, length, value, now = unpack_from("<BBHiQ", _rx, 0)
    if length:
        _port.readinto(payload, length)
    if pending:
        _serve()
    if error:
        if error == 255:
            raise KeyboardInterrupt
        raise OSError(error)
    return value


def flash(op, block, offset, buf):
    """Writes to the flash without allocating: it may be called while the heap is locked."""
    n = 0
    if buf is not None:
        n = len(buf)
    done = 0
    pressed = False
    while True:
        k = n - done
        if k > 512:
            k = 512
        pack_into("<BBHI", _tx, 0, op, 0, block, 0)
        pack_into("<I", _tx, 8, offset + done)
        i = 0
        while i < k:
            _tx[12 + i] = buf[done + i]
            i += 1
        _port.write(_tx, 12 + k)
        _port.readinto(_rx, _HEAD)
        done += k
        if _rx[0] == 255:
            pressed = True
        if done >= n:
            break
    if pressed:
        raise KeyboardInterrupt
    return -_rx[0]


def ask(name, *args):
    """A rare call, by name, with JSON both ways."""
    call(CALL, 0, 0, json.dumps((name, args)).encode())
    n = length
    return json.loads(bytes(payload[:n])) if n else None


def data():
    """The payload of the last reply as new bytes."""
    return bytes(payload[:length])


def _serve():
    """Runs the handlers of everything pending (soft interrupts: between two calls, never inside one)."""
    global _serving, length
    if _serving:
        return
    _serving = True
    keep = bytes(payload[:length]) if length else None
    try:
        for source, what in ask("irqs"):
            handler = handlers.get(source)
            if handler:
                handler(what)
    finally:
        _serving = False
        if keep is not None:
            payload[: len(keep)] = keep
            length = len(keep)


def sleep_us(us, mode=0):
    """Lets virtual time pass; handlers of interrupts run in between."""
    end = now + us
    while True:
        left = end - now
        if left <= 0:
            return
        pack_into("<Q", _argument, 0, left)
        call(SLEEP, mode, 0, _argument)


def wait(us, mode):
    """As sleep_us but returns at the first wake-up. value: what woke (0 = time)."""
    pack_into("<Q", _argument, 0, us)
    return call(SLEEP, mode, 0, _argument)


_argument = bytearray(8)
hello = None


def start():
    global hello
    hello = ask("hello")
    return hello
