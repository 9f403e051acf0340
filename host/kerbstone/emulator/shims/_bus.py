"""I2C, SPI and UART."""

import io
from struct import pack

import _link


def _number(pin):
    return None if pin is None else getattr(pin, "_id", pin)


class I2C:
    def __init__(self, id=-1, *, scl=None, sda=None, freq=400000, timeout=50000):
        self._bus = _link.ask("i2c", id, _number(scl), _number(sda), freq)

    init = __init__

    def deinit(self):
        pass

    def scan(self):
        return _link.ask("i2c_scan", self._bus)

    def writeto(self, addr, buf, stop=True):
        return _link.call(_link.I2C_WRITE, self._bus, addr | (1024 if stop else 0), buf)

    def writevto(self, addr, vector, stop=True):
        return self.writeto(addr, b"".join(bytes(v) for v in vector), stop)

    def readfrom_into(self, addr, buf, stop=True):
        _link.call(_link.I2C_READ, self._bus, addr | (1024 if stop else 0), pack("<H", len(buf)))
        buf[:] = _link.payload[: len(buf)]

    def readfrom(self, addr, nbytes, stop=True):
        _link.call(_link.I2C_READ, self._bus, addr | (1024 if stop else 0), pack("<H", nbytes))
        return _link.data()

    def _mem(self, addr, memaddr, nbytes, addrsize):
        register = memaddr.to_bytes(addrsize // 8, "big")
        _link.call(_link.I2C_MEM, self._bus, addr, pack("<H", nbytes) + register)

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        self._mem(addr, memaddr, nbytes, addrsize)
        return _link.data()

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        self._mem(addr, memaddr, len(buf), addrsize)
        buf[:] = _link.payload[: len(buf)]

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self.writeto(addr, memaddr.to_bytes(addrsize // 8, "big") + bytes(buf))


class SoftI2C(I2C):
    def __init__(self, scl, sda, *, freq=400000, timeout=50000):
        I2C.__init__(self, -1, scl=scl, sda=sda, freq=freq)


class SPI:
    MSB = 0
    LSB = 1

    def __init__(self, id, baudrate=1000000, *, polarity=0, phase=0, bits=8, firstbit=0, sck=None, mosi=None, miso=None):
        self._bus = _link.ask("spi", id, baudrate, polarity, phase, _number(sck), _number(mosi), _number(miso))
        self._baud = baudrate

    init = __init__

    def deinit(self):
        pass

    def write(self, buf):
        _link.post(_link.SPI, self._bus, 0, buf, len(buf) * 8000000 // self._baud)

    def read(self, nbytes, write=0):
        _link.call(_link.SPI, self._bus, 0, bytes([write]) * nbytes)
        return _link.data()

    def readinto(self, buf, write=0):
        _link.call(_link.SPI, self._bus, 0, bytes([write]) * len(buf))
        buf[:] = _link.payload[: len(buf)]

    def write_readinto(self, out, into):
        _link.call(_link.SPI, self._bus, 0, out)
        into[:] = _link.payload[: len(into)]


class SoftSPI(SPI):
    def __init__(self, baudrate=500000, **kwargs):
        SPI.__init__(self, -1, baudrate, **kwargs)


class UART(io.IOBase):
    INV_TX = 1
    INV_RX = 2

    def __init__(self, id, baudrate=9600, **kwargs):
        self._bus = id
        self._tx = self._rx = None
        self.init(baudrate, **kwargs)

    def init(self, baudrate=9600, bits=8, parity=None, stop=1, *, tx=None, rx=None, timeout=0, timeout_char=0, rxbuf=256, txbuf=256,
             invert=0, rts=None, cts=None, flow=0):
        self._timeout = timeout
        # Pins that are not named stay as they are, as on the ports.
        self._tx = self._tx if tx is None else _number(tx)
        self._rx = self._rx if rx is None else _number(rx)
        _link.tell("uart", self._bus, baudrate, bits, parity, stop, self._tx, self._rx, rxbuf, invert)

    def deinit(self):
        _link.ask("uart_off", self._bus)

    def any(self):
        return _link.steady(_link.UART_ANY, self._bus, 0)

    def write(self, buf):
        done = 0
        view = memoryview(buf)
        while done < len(buf):
            done += _link.call(_link.UART_WRITE, self._bus, 0, view[done : done + _link.ROOM])
        return done

    def _take(self, n, line=0):
        _link.call(_link.UART_READ, self._bus, line, pack("<II", min(n, _link.ROOM), self._timeout))
        return _link.data() or None

    def read(self, n=-1):
        return self._take(_link.ROOM if n is None or n < 0 else n)

    def readline(self):
        return self._take(_link.ROOM, 1)

    def readinto(self, buf, n=-1):
        got = self._take(len(buf) if n < 0 else n)
        if got is None:
            return None
        buf[: len(got)] = got
        return len(got)

    def flush(self):
        _link.ask("uart_flush", self._bus)

    def txdone(self):
        return _link.ask("uart_done", self._bus)

    def ioctl(self, op, arg):
        if op == 3:
            return (arg & 4) | (1 if arg & 1 and self.any() else 0)
        return 0
