"""A stand-in for the SX1276 that only keeps registers and a script, so that both interpreters can be compared byte for byte."""

from sx1262_chip import Chip as Scripted
from sx1262_chip import Pin


class Chip(Scripted):
    """As the SX1262's, with the SX1276's way of speaking: an address, then data; DIO0 rises when a packet is through."""

    def __init__(self):
        super().__init__()
        self.pins = {name: Pin(self, name) for name in ("cs", "reset", "dio0", "dio1")}
        self.registers = {0x42: 0x12}
        self.flags = 0
        self.fifo = b""

    def sleep_ms(self, ms):
        self.us += ms * 1000
        self.look("dio0")

    def look(self, name):
        pin = self.pins["dio0"]
        if name == "dio0" and self.done_at is not None and self.us >= self.done_at and not pin.level:
            pin.level = 1
            late, self.us = self.us, self.done_at
            pin.handler(pin)
            self.us = max(late, self.us)
            self.registers[0x12] = self.flags
        return self.pins[name].level

    def read(self, size):
        at = self.out[0]
        return self.fifo[:size] if at == 0 else bytes([self.registers.get(at + i, 0) for i in range(size)])

    def commit(self, out):
        self.log.append(out)
        if not out[0] & 0x80 or out[0] == 0x80:
            return
        for i, value in enumerate(out[1:]):
            at = (out[0] & 0x7F) + i
            self.registers[at] = self.registers.get(at, 0) & ~value & 255 if at == 0x12 else value
        self.registers[0x3B] = self.registers.get(0x3B, 0) & 0x1F if not self.registers.get(1, 0) & 0x80 else self.registers.get(0x3B, 0)
        if out[0] == 0x92:
            self.done_at, self.pins["dio0"].level = None, 0
        if out[0] == 0x81 and out[1] & 7 in (3, 6):
            self.started_at = self.us
            self.done_at = self.us + self.takes_us


def bus_story():
    """Start, transmission, sleep, reception: every write on the bus as hex, and what the driver returned."""
    from kerb.radio import lora, sx1276

    chip = Chip()
    lora.time = sx1276.time = chip
    radio = sx1276.SX1276(chip, chip.pins, {"max_power_dbm": 20})
    radio.idle_ms = chip.idle_ms
    out = []
    for power, rate in ((14, [7, 125000, 242]), (20, [8, 500000, 242])):
        chip.takes_us, chip.flags = (46336 if power == 14 else 12000), 8
        radio.configure_tx(868300000, rate, power)
        out.append(radio.transmit(b"\x40 some uplink"))
        radio.sleep()
        chip.takes_us, chip.flags, chip.fifo = 60000, 0x50, b"\x60 an answer"
        chip.registers[0x13], chip.registers[0x19], chip.registers[0x1A] = len(chip.fifo), 0xF6 + power - 14 & 255, 70
        out.append(radio.receive(869525000, [12, 125000, 51], 9, 1200, True, chip.us + 20000))
        radio.sleep()
    return repr(out), [sent.hex() for sent in chip.log]

