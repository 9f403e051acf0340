"""Share of air time: sub-band limits, the network's own limit, the join back-off; and which channel may send when.

Integers only, clock in whole seconds.

A sub-band of p permille keeps a credit of at most a quarter of an hour's allowance and refills at three quarters of the rate.
Credit plus refill of any hour therefore never exceeds p permille of that hour, and an alarm still finds a reserve for a burst.
Credit is counted in quarter milliseconds of air time: 3 * p come back every second.
"""

from micropython import const

from .crypto import random_below

_HOUR = const(3600)
_JOIN_SECOND = const(39600)  # end of the tenth hour after the first
_DAY = const(86400)


def cap(permille):
    """Largest credit of a sub-band, and its credit after power-on."""
    return _HOUR * permille


def price(air_us):
    """Credit a transmission costs."""
    return (air_us + 249) // 250


def refill(session, bands, now):
    """Adds what came back since the last look. A clock that ran backwards (power was lost) earns nothing."""
    if now < session.clock:
        session.quiet_until = 0
    past = min(max(now - session.clock, 0), _DAY * 14)
    session.clock = now
    for i, row in enumerate(bands):
        session.credit[i] = min(cap(row[2]), session.credit[i] + 3 * row[2] * past)


def wait_s(session, bands, band, cost):
    """Whole seconds until the sub-band can pay `cost`, or has a full purse where the cost is above that; call refill() first."""
    permille = bands[band][2]
    short = min(cost, cap(permille)) - session.credit[band]
    return 0 if short <= 0 else (short + 3 * permille - 1) // (3 * permille)


def spend(session, band, air_us, now):
    """Books a transmission in its sub-band and against the network's limit of 1/2^n of all time (DutyCycleReq)."""
    session.credit[band] -= price(air_us)
    if session.duty_exponent:
        session.quiet_until = now + (air_us * ((1 << session.duty_exponent) - 1) + 999999) // 1000000


def join_period(elapsed_s):
    """(number, budget in ms, seconds until the next) of the join back-off period (LoRaWAN 1.0.4 section 7): 36 s of air in the
    first hour after power-on, 36 s in the next ten, then 8.7 s a day."""
    if elapsed_s < _HOUR:
        return 0, 36000, _HOUR - elapsed_s
    if elapsed_s < _JOIN_SECOND:
        return 1, 36000, _JOIN_SECOND - elapsed_s
    day, within = divmod(elapsed_s - _JOIN_SECOND, _DAY)
    return 2 + day, 8700, _DAY - within


def join_wait_s(session, air_us, now):
    """Seconds until a join request may be sent; opens a new period when its time has come."""
    if now < session.join_start:
        session.join_start = now
    number, budget, left = join_period(now - session.join_start)
    if number != session.join_period:
        session.join_period = number & 0xFFFF
        session.join_used = 0
    return 0 if session.join_used + air_us // 1000 + 1 <= budget else left


def join_spend(session, air_us):
    session.join_used += air_us // 1000 + 1


# -- channels --------------------------------------------------------------------------------------------------------------


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
    refill(session, region.bands, now)
    usable = carries(session, session.mask, session.dr)
    if not usable:
        session.mask |= region.default_mask
        usable = carries(session, session.mask, session.dr)
    cost = price(air_us) * (2 if priority > 1 else 1)
    out = []
    for i, channel in enumerate(session.channels):
        if usable >> i & 1:
            out.append((max(session.quiet_until - now, 0, wait_s(session, region.bands, region.band(channel[0]), cost)), channel))
    return out


def choose(session, region, now, air_us, priority):
    """A channel by chance among those that may send now, or None."""
    free = [channel for wait, channel in waits(session, region, now, air_us, priority) if not wait]
    return free[random_below(len(free))] if free else None
