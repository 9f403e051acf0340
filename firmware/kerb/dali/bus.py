"""The DALI master: frames with their settling times, questions with their answers (IEC 62386-101 and -102).

One application controller a bus, as D4i has it: nobody else sends, so nothing is listened to but answers. The settling times hold
because the frame before is over at a known tick; a late CPU only makes the pause longer, which costs priority, not correctness.
"""

import time

from micropython import const

from kerb.dali import commands
from kerb.dali.frames import HALF_BITS_PER_S, NO_ANSWER, TIMING, backward, half_bits

YES = const(0xFF)
_REACTION_US = const(1000)  # of idle bus after the last bit before the answer is listened for
_TRIES = const(2)
_DTR0_OF_LOCK = const(2)
_LATCH = const(0xAA)


class Bus:
    def __init__(self, engine):
        self._engine = engine
        self._free = time.ticks_us()  # the last frame's end

    def send(self, data, bits, twice, priority=1):
        """Sends a forward frame, or the same one twice within the window the standard wants."""
        for _ in range(2 if twice else 1):
            self._frame(data, bits, priority)

    def ask(self, data, bits, twice, priority=1):
        """Sends and returns the answer: 0..255, NO_ANSWER or GARBLED."""
        self.send(data, bits, twice, priority)
        self._until(time.ticks_add(self._free, _REACTION_US))
        engine = self._engine
        runs = engine.receive()
        if not runs:
            return NO_ANSWER
        self._free = time.ticks_us()
        return backward(engine.runs, runs, engine.UNIT_US)

    def query(self, name, address, argument=0):
        """Answer to a query by name; asks once more where the answer is missing or unreadable."""
        for _ in range(_TRIES):
            answer = self.ask(*commands.gear(name, address, argument))
            if answer >= 0:
                break
        return answer

    def command(self, name, address=commands.BROADCAST, argument=0):
        self.send(*commands.gear(name, address, argument))

    def keep(self, name, address, value):
        """Writes a variable of the gear that a command takes from DTR0."""
        self.command("DTR0", argument=value)
        self.command(name, address)

    def read_memory(self, address, bank, first, count):
        """Bytes of a memory bank as they were at one instant, or None where one does not come."""
        self.command("DTR1", argument=bank)
        latched = 202 <= bank <= 206
        if latched:
            self._lock(address, _LATCH)
        self.command("DTR0", argument=first)
        raw = bytearray(count)
        for i in range(count):
            answer = self.ask(*commands.gear("READ MEMORY LOCATION", address))
            if answer < 0:
                raw = None
                break
            raw[i] = answer
        if latched:
            self._lock(address, 0xFF)
        return raw

    def _lock(self, address, value):
        self.command("ENABLE WRITE MEMORY", address)
        self.command("DTR0", argument=_DTR0_OF_LOCK)
        self.command("WRITE MEMORY LOCATION NO REPLY", argument=value)

    def _frame(self, data, bits, priority):
        least, most = TIMING["priority%d" % priority]
        self._until(time.ticks_add(self._free, int((least + most) * 500)))
        halves, count = half_bits(data, bits)
        start = time.ticks_us()
        self._engine.transmit(halves, count)
        self._free = time.ticks_add(start, count * 1000000 // HALF_BITS_PER_S)
        self._until(self._free)

    def _until(self, tick):
        left = time.ticks_diff(tick, time.ticks_us())
        if left > 0:
            time.sleep_us(left)
