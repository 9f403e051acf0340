"""Gives short addresses to the gear of a bus: the search of IEC 62386-102:2014, 9.14, by random addresses."""

from micropython import const

from kerb.dali import commands
from kerb.dali.bus import YES
from kerb.errors import SensorError

_ALL = const(0)
_TOP = const(0xFFFFFF)
_MOST = const(64)
_RANDOM_MS = const(100)  # a gear may take so long to draw its random address


def assign(bus, first=0):
    """Addresses every gear anew from `first` on; returns how many there are. SensorError: one does not keep its address."""
    import time

    bus.command("INITIALISE", argument=_ALL)
    bus.command("RANDOMISE")
    time.sleep_ms(_RANDOM_MS)
    found = 0
    try:
        while first + found < _MOST and _search(bus):
            address = first + found
            bus.command("PROGRAM SHORT ADDRESS", argument=address)
            if bus.ask(*commands.gear("VERIFY SHORT ADDRESS", argument=address)) != YES:
                raise SensorError("gear", "dali", "does not keep short address %d" % address)
            bus.command("WITHDRAW")
            found += 1
    finally:
        bus.command("TERMINATE")
    return found


def _search(bus):
    """Leaves the search address at the lowest random address there is; False when nobody is left."""
    if not _anyone(bus, _TOP):
        return False
    low, high = 0, _TOP
    while low < high:
        middle = (low + high) // 2
        if _anyone(bus, middle):
            high = middle
        else:
            low = middle + 1
    return _anyone(bus, low)


def _anyone(bus, limit):
    """True if a gear's random address is at or below `limit`. Several answers at once collide, which is a yes too."""
    for name, shift in (("SEARCHADDRH", 16), ("SEARCHADDRM", 8), ("SEARCHADDRL", 0)):
        bus.command(name, argument=limit >> shift & 0xFF)
    return bus.ask(*commands.gear("COMPARE")) != -1
