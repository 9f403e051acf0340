"""Which channel the next uplink takes, and how long until one is free."""

from kerb.uplink.lorawan import duty
from kerb.uplink.lorawan.crypto import random_below


def carries(session, mask, dr):
    """Mask of those channels in `mask` that offer data rate `dr`."""
    out = 0
    for i, channel in enumerate(session.channels):
        if mask >> i & 1 and channel and channel[2] <= dr <= channel[3]:
            out |= 1 << i
    return out


def waits(session, region, now, air_us, priority):
    """[(seconds until it may send, channel), ...] of every enabled channel at the session's data rate.

    Refreshes the credits. A routine frame (priority 2) leaves as much credit again for the alarm that may follow. A mask that
    leaves nothing falls back to the channels every network has.
    """
    duty.refill(session, region.bands, now)
    usable = carries(session, session.mask, session.dr)
    if not usable:
        session.mask |= region.default_mask
        usable = carries(session, session.mask, session.dr)
    cost = duty.price(air_us) * (2 if priority > 1 else 1)
    out = []
    for i, channel in enumerate(session.channels):
        if usable >> i & 1:
            out.append((max(session.quiet_until - now, 0, duty.wait_s(session, region.bands, region.band(channel[0]), cost)), channel))
    return out


def choose(session, region, now, air_us, priority):
    """A channel by chance among those that may send now, or None."""
    free = [channel for wait, channel in waits(session, region, now, air_us, priority) if not wait]
    return free[random_below(len(free))] if free else None
