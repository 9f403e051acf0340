"""Run by MicroPython: bytes the heap gives out while one 12-byte uplink is built and sealed, without a collection in between, and us."""

import gc
import time

from kerb.uplink.lorawan import frames

KEYS = (bytes(range(16)), bytes(range(16, 32)))


def once(fcnt):
    return frames.data_up(KEYS, 0x26011BDA, fcnt, 0x80, b"", 2, b"twelve bytes", False)


once(0)
gc.collect()
gc.disable()
before = gc.mem_alloc()
once(1)
used = gc.mem_alloc() - before
began = time.ticks_us()
once(2)
took = time.ticks_diff(time.ticks_us(), began)
print(used, took)
