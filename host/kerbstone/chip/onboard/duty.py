"""Runs on the chip: one duty cycle of the built node, with the heap looked at between its stages.

Prints `chip heap STAGE FREE LIVE TOUCHED` (bytes free and in use after a collection, in use just before it) and
`chip stage NAME MS`.
"""

import gc
import time

_began = time.ticks_ms()
gc.collect()


def point(stage):
    touched = gc.mem_alloc()
    gc.collect()
    print("chip", "heap", stage, gc.mem_free(), gc.mem_alloc(), touched)
    print("chip", "stage", stage, time.ticks_diff(time.ticks_ms(), _began))


def run(limit_s, send):
    """Wake, measure until an application has reported (at most limit_s), send, save."""
    from kerb.clock import mono_ms
    from kerb.node import Node

    point("imported")
    node = Node()
    point("built")
    node.wake()
    point("awake")
    end = mono_ms() + limit_s * 1000
    node.sense()
    point("started")
    while mono_ms() < end and (node.sampler.busy or not len(node.outbox)):
        node.power.idle_ms(min(node.sampler.next_ms(mono_ms()), end - mono_ms()))
        node.sense()
    point("sensed")
    while send and len(node.outbox) and mono_ms() < end:
        node.delivery.run()
        left = node.delivery.next_ms(mono_ms())
        if len(node.outbox):
            node.power.idle_ms(min(max(left, 10), end - mono_ms()))
    point("sent")
    for part in node.parts.values():
        part.sleep()
    node.save(True)
    point("saved")


point("start")
