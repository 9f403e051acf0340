"""`_onewire`, the C half of a port's 1-Wire: the emulated board sends the slots."""

import _link


def reset(pin):
    return bool(_link.ask("onewire_reset", pin._id))


def readbit(pin):
    return _link.ask("onewire_read", pin._id, 1)


def readbyte(pin):
    return _link.ask("onewire_read", pin._id, 8)


def writebit(pin, value):
    _link.ask("onewire_write", pin._id, 1 if value else 0, 1)


def writebyte(pin, value):
    _link.ask("onewire_write", pin._id, value & 255, 8)


def crc8(data):
    crc = 0
    for byte in data:
        for _ in range(8):
            crc = crc >> 1 ^ (0x8C if (crc ^ byte) & 1 else 0)
            byte >>= 1
    return crc
