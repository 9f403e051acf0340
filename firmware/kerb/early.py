"""Looks at the field while a wake is still importing: between two modules there is time for a measurement.

What woke the node may be over before the application runs: a car rolls over the sensor in half a second, and importing the
firmware takes as long. A driver that can say ready() is started first and read after each module; the node hands what was
read to the application with its first sample, as "earlier": tuples in the order of the driver's QUANTITIES.
"""

from kerb import config
from kerb.parts import Part
from kerb.power import woke_by_pin

# What kerb.node imports anyway, in an order in which none brings many others along.
_ROOMS = ("codec", "bearer", "clock", "stamp", "outbox", "policy", "way", "delivery", "retained", "sampler", "store", "node")

_parts: dict = {}  # by name, started already


def look_around():
    """Starts what can have woken the node and glances; imports the rest meanwhile."""
    if not woke_by_pin():
        return
    node = config.load()
    for name, table in node["parts"].items():
        part = Part(name, table)
        if table["wake"] and part.start_early():
            _parts[name] = part
    if _parts:
        for room in _ROOMS + ("apps." + node["app"],):
            for part in _parts.values():
                part.glance()
            __import__("kerb." + room)


def part(name, table):
    """The part of this name, which may be measuring already."""
    return _parts.get(name) or Part(name, table)
