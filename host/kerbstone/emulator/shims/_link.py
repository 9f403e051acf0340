"""The wire between the interpreter and the emulated board: packets out, one packet back.

Request  : op u8 (from 128 on: no reply), a u8, b u16, debt u32 (us of work since the last request), payload length u16, payload
Reply    : errno u8, interrupts pending u8, payload length u16, value i32, now u64 (us), horizon u64 (us), question u32, answer i32, payload
Before the horizon nothing happens on the board but what the interpreter does: it reads a pin again, or waits, by itself then.
A program that polls asks the same after each sleep: the answer to its last question (0: none) comes with the end of the sleep.
The file descriptor 3 is a stream socket; an exchange leaves in one write and the two sides take turns.
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
FLASH_READ = const(20)
DIVERGE = const(21)
PIN_SETUP = const(22)

_ASK = const(10)
_HEAD = const(32)
_POSTED = const(128)
_TX = const(2 * 1024)
_CALL_US = const(25)  # what the board charges for a request (board/device.py)
_LONGEST_US = const(1 << 30)  # what a request can carry as debt
ROOM = const(1024)  # payload bytes a packet can carry

_port = open(3, "r+b")
_tx = bytearray(_TX)
_fill = 0  # bytes of it that wait for the next exchange
_rx = bytearray(_HEAD + ROOM)
payload = memoryview(_rx)[_HEAD:]

now = 0  # us of virtual time at the last reply
debt = 0  # us of work done since
length = 0  # bytes of payload in the last reply
horizon = 0  # us of virtual time
limit = 0  # as it was at the last reply: nothing that was under way then happens before
_known = {}  # question -> answer that holds until the horizon
handlers = {}  # interrupt source -> callable that serves it
_serving = False


def _put(op, a, b, data):
    """Adds a request to what leaves with the next exchange."""
    global debt, _fill
    n = 0 if data is None else len(data)
    if _fill + _ASK + n > _TX:
        _port.write(_tx, _fill)
        _fill = 0
    pack_into("<BBHIH", _tx, _fill, op, a, b, debt, n)
    debt = 0
    _fill += _ASK
    if n:
        _tx[_fill : _fill + n] = data
        _fill += n


def call(op, a=0, b=0, data=None):
    """One exchange; returns the reply's value. OSError(errno) when the board says no."""
    global now, length, horizon, limit, _fill
    if common:
        diverge()
    if _known and op != PIN_GET and op != UART_ANY:
        _known.clear()
    if not limit:
        _fill = 0  # nothing is posted; Ctrl-C may have come between putting and sending
    _put(op, a, b, data)
    _port.write(_tx, _fill)
    _fill = 0
    _port.readinto(_rx, _HEAD)
    error, pending, length, value, now, until, question, answer = unpack_from("<BBHiQQIi", _rx, 0)
    limit = until
    if until != horizon:
        horizon = until
        _known.clear()
    if question:
        _known[question] = answer
    if length:
        _port.readinto(payload, length)
    if pending:
        _serve()
    if error:
        if error == 255:
            raise KeyboardInterrupt
        raise OSError(error)
    return value


def post(op, a=0, b=0, data=None, us=0):
    """A request that cannot fail and whose answer is known, given after `us`: leaves together with the next exchange.

    Only while nothing else happens on the board; an interrupt that the request itself raises is served at that exchange.
    """
    global now, horizon
    then = now + debt + _CALL_US + us
    if then >= limit or common:
        call(op, a, b, data)
        return
    if _known:
        _known.clear()
    _put(op | _POSTED, a, b, data)
    now = then
    horizon = 0  # whatever was asked for may follow


def flash(op, block, offset, buf):
    """Writes to the flash without allocating: it may be called while the heap is locked."""
    global now, debt, horizon, limit, _fill
    if common:
        diverge(1)
    if not limit:
        _fill = 0
    horizon = limit = 0
    n = 0
    if buf is not None:
        n = len(buf)
    done = 0
    pressed = False
    while True:
        k = n - done
        if k > 512:
            k = 512
        if _fill + _ASK + 4 + k > _TX:
            _port.write(_tx, _fill)
            _fill = 0
        pack_into("<BBHIH", _tx, _fill, op, 0, block, debt, 4 + k)
        debt = 0
        pack_into("<I", _tx, _fill + _ASK, offset + done)
        _fill += _ASK + 4
        i = 0
        while i < k:
            _tx[_fill + i] = buf[done + i]
            i += 1
        _port.write(_tx, _fill + k)
        _fill = 0
        _port.readinto(_rx, _HEAD)
        now = 0
        i = 16
        while i > 8:
            i -= 1
            now = now << 8 | _rx[i]
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


def tell(name, *args):
    """As ask, where nothing is answered."""
    post(CALL, 0, 0, json.dumps((name, args)).encode())


def spend():
    """A request that asks nothing takes its time, too."""
    global debt
    debt += _CALL_US


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


def steady(op, a, b):
    """The answer to a question about the board's state (PIN_GET, UART_ANY).

    Polling costs the time it takes on a board, but no exchange while the answer cannot have changed.
    """
    global debt
    key = op << 24 | a << 16 | b
    if key in _known and now + debt + _CALL_US < horizon:
        debt += _CALL_US
        return _known[key]
    value = call(op, a, b)
    _known[key] = value
    return value


def sleep_us(us, mode=0):
    """Lets virtual time pass; handlers of interrupts run in between."""
    global debt
    if us > 0 and now + debt + _CALL_US + us < horizon and debt + us < _LONGEST_US:
        debt += _CALL_US + us
        return
    end = now + debt + _CALL_US + us
    left = us
    while left > 0:
        pack_into("<Q", _argument, 0, left)
        call(SLEEP, mode, 0, _argument)
        left = end - now


def wait(us, mode):
    """As sleep_us but returns at the first wake-up. value: what woke (0 = time)."""
    pack_into("<Q", _argument, 0, us)
    return call(SLEEP, mode, 0, _argument)


_argument = bytearray(8)
hello = {}  # what the chip and this boot are: see Device._fixed, _common and _own


def start(announce):
    """Waits for the greeting, the one packet that comes unasked, and adds it to `hello`. `announce`: a file to tell that it waits."""
    global now, common
    if announce:
        announce.write(b"ready")
    now = _greeted()
    common = "reset_cause" not in hello


def _greeted():
    if not _port.readinto(_rx, _HEAD):
        raise SystemExit  # nobody is left to start a board
    _, _, n, _, then, _ = unpack_from("<BBHiQQ", _rx, 0)
    _port.readinto(payload, n)
    hello.update(json.loads(payload[:n]))
    return then


common = False  # nothing was asked yet that one boot of this board would be told otherwise than another
mounting = 0  # 1: the common beginning mounts the flash
break_key = 3  # what interrupts a program on a board with a console; -1: nothing
written = 0  # 1: it opened a file to be written
on_diverge = None  # called in each copy


def tell_read(block, offset, size):
    """Says what the common beginning read of the flash; no answer. Without allocating."""
    pack_into("<BBHIH", _tx, 0, FLASH_READ, mounting, block, 0, 8)
    pack_into("<II", _tx, _ASK, offset, size)
    _port.write(_tx, _ASK + 8)


def diverge(amidst=0):
    """The end of the common beginning (engine/stand.py): this process is copied here, and each copy is told what is its own.

    `amidst`: not here, the file system is at work.
    """
    global common
    common = False
    pack_into("<BBHIH", _tx, 0, DIVERGE, amidst | written, 0, 0, 0)
    _port.write(_tx, _ASK)
    _greeted()
    on_diverge()


def own(name):
    """What only this boot has: reset_cause, wake_reason, rtc, random_seed."""
    if common:
        diverge()
    return hello[name]
