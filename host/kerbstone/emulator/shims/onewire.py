"""`onewire`, which the images of ESP32 and RP2 carry frozen: the 1-Wire network layer."""

import _onewire


class OneWireError(OSError):
    pass


class OneWire:
    SEARCH_ROM = 0xF0
    MATCH_ROM = 0x55
    SKIP_ROM = 0xCC

    def __init__(self, pin):
        self.pin = pin
        pin.init(pin.OPEN_DRAIN, pin.PULL_UP)

    def reset(self, required=False):
        present = _onewire.reset(self.pin)
        if required and not present:
            raise OneWireError
        return present

    def readbit(self):
        return _onewire.readbit(self.pin)

    def readbyte(self):
        return _onewire.readbyte(self.pin)

    def readinto(self, buf):
        for i in range(len(buf)):
            buf[i] = _onewire.readbyte(self.pin)

    def writebit(self, value):
        return _onewire.writebit(self.pin, value)

    def writebyte(self, value):
        return _onewire.writebyte(self.pin, value)

    def write(self, buf):
        for byte in buf:
            _onewire.writebyte(self.pin, byte)

    def select_rom(self, rom):
        self.reset()
        self.writebyte(self.MATCH_ROM)
        self.write(rom)

    def crc8(self, data):
        return _onewire.crc8(data)

    def scan(self):
        """Every ROM on the wire: a walk through the tree of addresses, taking the other branch of the last fork each time."""
        found = []
        rom = bytearray(8)
        fork = 64
        for _ in range(255):  # a wire that is held low looks like all addresses there are
            fork = self._walk(rom, fork)
            if fork > -2:
                found.append(bytearray(rom))
            if fork < 0:
                break
        return found

    def _walk(self, rom, fork):
        """Fills `rom` with the next address; returns the last fork where 0 was taken, -1 = none left, -2 = nobody answers."""
        if not self.reset():
            return -2
        self.writebyte(self.SEARCH_ROM)
        last = -1
        for i in range(64):
            bit, other = self.readbit(), self.readbit()
            if bit and other:
                return -2
            if not bit and not other:
                bit = rom[i >> 3] >> (i & 7) & 1 if i < fork else i == fork
                if not bit:
                    last = i
            self.writebit(bit)
            mask = 1 << (i & 7)
            rom[i >> 3] = rom[i >> 3] | mask if bit else rom[i >> 3] & ~mask
        return last
