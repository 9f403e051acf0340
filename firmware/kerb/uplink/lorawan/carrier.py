"""Listen before talk, for the regions whose table has `listen_before_talk` (Korea, Japan)."""

from micropython import const

from kerb.errors import UplinkError

from .crypto import random_below

_LISTENS = const(6)  # looks at a carrier others use, with growing pauses between: 1.6 s in the mean


def await_silence(exchange, hz, row):
    """Returns when the carrier is free. UplinkError when it stays taken."""
    for trial in range(_LISTENS):
        if exchange.radio.clear(hz, row, *exchange.region.listen_before_talk):
            return
        exchange.board.idle_ms(random_below(50 << trial))
    raise UplinkError("carrier is taken")
