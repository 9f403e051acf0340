"""A stand-in for the SX1262 that only keeps registers and a script: clock, pins and bus in one object, for driver tests."""


class Pin:
    IRQ_RISING = 8  # as on the RP2040; the ESP32 says 1

    def __init__(self, chip, name):
        self.chip, self.name, self.level, self.handler, self.history = chip, name, 0, None, []

    def value(self, level=None):
        if level is None:
            return self.chip.look(self.name)
        self.level = level
        self.history.append(level)
        self.chip.driven(self.name, level)
        return None

    def irq(self, handler, trigger):
        assert trigger == self.IRQ_RISING
        self.handler = handler


class Chip:
    """Bus, pins, clock and a chip with registers. `log` holds every write as bytes, `answers` what queries return."""

    def __init__(self):
        self.us = 1000
        self.pins = {name: Pin(self, name) for name in ("cs", "reset", "busy", "dio1", "rxen")}
        self.registers = {0x0740: 0x14, 0x0741: 0x24, 0x08D8: 0xC8, 0x0736: 0x0D, 0x0889: 0x01, 0x08AC: 0x94}
        self.answers = {0x17: b"\0\0", 0x12: b"\0\0", 0x13: b"\0\0", 0x14: b"\0\0\0"}
        self.buffer = bytes(256)
        self.log, self.out = [], None
        self.stuck = False
        self.done_at = None
        self.takes_us = self.started_at = 0
        self.irq_after = b"\0\0"
        self.asleep = False
        self.naps = []

    # clock
    def ticks_us(self):
        self.us += 5
        return self.us

    def ticks_ms(self):
        self.us += 5
        return self.us // 1000

    def ticks_diff(self, a, b):
        return a - b

    def ticks_add(self, a, b):
        return a + b

    def sleep_ms(self, ms):
        self.us += ms * 1000
        self.look("dio1")

    def idle_ms(self, ms):
        self.naps.append(ms)
        self.sleep_ms(ms)

    # pins
    def look(self, name):
        if name == "busy":
            self.us += 20
            return 1 if self.stuck else 0
        if name == "dio1" and self.done_at is not None and self.us >= self.done_at and not self.pins["dio1"].level:
            self.pins["dio1"].level = 1
            late, self.us = self.us, self.done_at
            self.pins["dio1"].handler(self.pins["dio1"])
            self.us = max(late, self.us)
            self.answers[0x12] = self.irq_after
        return self.pins[name].level

    def driven(self, name, level):
        if name == "cs" and level == 0:
            self.out = b""
        elif name == "cs" and self.out is not None:
            self.commit(self.out)
            self.out = None

    # bus
    def write(self, data):
        assert self.out is not None, "bytes without chip select"
        self.out += bytes(data)

    def read(self, size):
        out = self.out
        if out[0] == 0x1D:
            assert len(out) == 4
            start = out[1] << 8 | out[2]
            return bytes(self.registers.get(start + i, 0) for i in range(size))
        if out[0] == 0x1E:
            assert len(out) == 3
            return self.buffer[out[1] : out[1] + size]
        assert len(out) == 2
        return self.answers[out[0]][:size]

    def commit(self, out):
        self.log.append(out)
        if self.asleep:
            assert out[0] == 0xC0, "only a status read may wake the chip"
            self.asleep = False
        if out[0] == 0x0D:
            for i, value in enumerate(out[3:]):
                self.registers[(out[1] << 8 | out[2]) + i] = value
        elif out[0] == 0x84:
            self.asleep = True
        elif out[0] in (0x82, 0x83) and self.takes_us:
            self.started_at = self.us
            self.done_at = self.us + self.takes_us
        elif out[0] == 0x02:
            self.done_at, self.pins["dio1"].level = None, 0

    def sent(self, *opcodes):
        return [out.hex() for out in self.log if out[0] in opcodes]


def heard(chip, data, snr=0xF6, rssi=0xB4):
    """Lets the chip receive `data` 60 ms after it was told to listen."""
    chip.takes_us, chip.irq_after = 60000, b"\0\x02"
    chip.buffer = bytes(16) + data + bytes(256)
    chip.answers[0x13] = bytes((len(data), 16))
    chip.answers[0x14] = bytes((rssi, snr, rssi))


def bus_story():
    """Start, transmission, sleep, reception: every write on the bus as hex, and what the driver returned."""
    from kerb.radio import lora, sx1262, sx1262_bus

    chip = Chip()
    sx1262.time = sx1262_bus.time = lora.time = chip
    radio = sx1262.SX1262(chip, chip.pins, {"dio3_tcxo_millivolts": 1800})
    radio.idle_ms = chip.idle_ms
    out = []
    for power in (14, 22):
        chip.takes_us, chip.irq_after = 46336, b"\0\x01"
        radio.configure_tx(868300000, [7, 125000, 242], power)
        out.append(radio.transmit(b"\x40 some uplink"))
        radio.sleep()
        heard(chip, b"\x60 an answer")
        out.append(radio.receive(869525000, [12, 125000, 51], 9, 1200, True, chip.us + 20000))
        radio.sleep()
    return repr(out), [sent.hex() for sent in chip.log]


if __name__ == "__main__":
    print(bus_story())
