"""A regional plan read from its table (protocols/lorawan/*.toml, carried in node.json as plain integers and lists), and what a session
may send under it.

Nothing here belongs to one region; a region is a table. kerbstone.build.regions says what the codes of `mask_control` mean.

Air time is counted in whole microseconds, the clock in whole seconds. A sub-band of p permille keeps a credit of at most a quarter of an
hour's allowance and refills at three quarters of the rate. Credit plus refill of any hour therefore never exceeds p permille of that
hour, and an alarm still finds a reserve for a burst.
"""

from micropython import const

from kerb.errors import ConfigError

from .crypto import random_below

_CAP = const(900000)  # us of credit a permille
_REFILL = const(750)  # us of credit a permille and second


class Region:
    """The rules of one region. Frequencies in Hz, data rates as DR numbers, channel masks as integers (bit n = channel n).

    Every key of the table is an attribute. `defaults` are the channels of the plan as [uplink Hz, RX1 Hz, lowest DR, highest DR].
    """

    def __init__(self, table):
        self.listen_before_talk = None
        for key in table:
            setattr(self, key, table[key])
        self.rates = self.data_rates
        self.defaults = []
        for first, step, count, low, high in self.channels:
            for i in range(count):
                self.defaults.append([first + i * step, first + i * step, low, high])
        self.default_mask = (1 << len(self.defaults)) - 1
        self.caps = [_CAP * row[2] for row in self.bands]  # the largest credits, and those after power-on

    def __getattr__(self, name):
        raise ConfigError("region table lacks '%s'" % name)

    def max_payload(self, dr, dwell=0):
        """Largest application payload at this data rate, without FOpts; `dwell`: uplinks are limited to 400 ms."""
        row = self.rates[dr]
        return row[3] if dwell & 1 and len(row) > 3 else row[2]

    def usable(self, dr, dwell=0):
        """True when the data rate exists, the radio can do it, and the dwell limit leaves it room for anything."""
        return 0 <= dr < len(self.rates) and self.rates[dr][0] > 0 and self.max_payload(dr, dwell) > 0

    def heard(self, dr, offset):
        """True for a downlink data rate and an RX1DROffset the network may set."""
        return self.down_dr[0] <= dr <= self.down_dr[1] and offset < len(self.rx1_dr[0])

    def rx1(self, dr, offset, dwell):
        """Data rate of RX1 after an uplink at `dr`."""
        return max(self.rx1_dr[dr][offset], self.dwell_dr if dwell & 2 else 0)

    def band(self, hz):
        """Index of the sub-band a carrier lies in, or -1 where transmission is not allowed."""
        for i, row in enumerate(self.bands):
            if row[0] <= hz < row[1]:
                return i
        return -1

    def tunable(self, hz):
        """True for a frequency the network may set."""
        return self.frequency_hz[0] <= hz <= self.frequency_hz[1]

    def eirp_dbm(self, power_index, limit=None, hz=0):
        """Radiated power. `limit`: the network's own for the region's; a sub-band may have a lower one."""
        power = (self.max_eirp_dbm if limit is None else limit) - power_index * self.power_step_db
        row = self.bands[self.band(hz)]
        return min(power, row[3]) if len(row) > 3 else power

    def mask_after(self, control, bits, mask, defined):
        """The channel mask after one LinkADRReq, or None when it is reserved or names a channel that is not defined."""
        action = self.mask_control[control]
        if action == -2:
            return defined
        return None if action or bits & ~defined else bits

    def take_channels(self, session, cf_list):
        """The five frequencies of a join accept."""
        low, high = self.cflist_dr
        for i in range(5):
            hz = int.from_bytes(cf_list[3 * i : 3 * i + 3], "little") * 100
            if self.band(hz) >= 0:
                index = len(self.defaults) + i
                session.channels[index] = [hz, hz, low, high]
                session.mask |= 1 << index

    def join_plan(self, attempt, seed=0):
        """(channel, DR) of join attempt number `attempt`, counted from 0: a channel by chance, the rate from the table. `seed` is the
        device's own number, for plans that try their channels in turn."""
        return self.defaults[random_below(len(self.defaults))], self.join_dr[attempt % len(self.join_dr)]

    # -- share of air time -------------------------------------------------------------------------------------------------

    def refill(self, session, now):
        """Adds what came back since the last look. A clock that ran backwards (power was lost) earns nothing."""
        past = now - session.clock
        session.clock = now
        if past < 0:
            session.quiet_until = past = 0
        for i, row in enumerate(self.bands):
            session.credit[i] = min(self.caps[i], session.credit[i] + _REFILL * row[2] * past)

    def wait_s(self, session, hz, cost_us, now):
        """Whole seconds until a carrier's sub-band can pay `cost_us`, or has a full purse where the cost is above that, and the network's
        own limit allows it; call refill() first."""
        band = self.band(hz)
        short = min(cost_us, self.caps[band]) - session.credit[band]
        return max(0, -(-short // (_REFILL * self.bands[band][2])), session.quiet_until - now)

    def spend(self, session, hz, air_us, now):
        """Books a transmission in its sub-band and against the network's limit of 1/2^n of all time (DutyCycleReq)."""
        session.credit[self.band(hz)] -= air_us
        if session.duty_exponent:
            session.quiet_until = now + (air_us * ((1 << session.duty_exponent) - 1) + 999999) // 1000000

    def carries(self, session, mask, dr=None):
        """Mask of those channels in `mask` that exist and offer data rate `dr`; None: any."""
        out = 0
        for i, channel in enumerate(session.channels):
            if mask >> i & 1 and channel and (dr is None or channel[2] <= dr <= channel[3]):
                out |= 1 << i
        return out

    def waits(self, session, now, air_us, priority):
        """[(seconds until it may send, channel), ...] of every enabled channel at the session's data rate.

        Refreshes the credits. A routine frame (priority 2) leaves as much credit again for the alarm that may follow. A mask that
        leaves nothing falls back to the channels every network has.
        """
        self.refill(session, now)
        usable = self.carries(session, session.mask, session.dr)
        if not usable:
            session.mask |= self.default_mask
            usable = self.carries(session, session.mask, session.dr)
        if priority > 1:
            air_us *= 2
        out = []
        for i, channel in enumerate(session.channels):
            if usable >> i & 1:
                out.append((self.wait_s(session, channel[0], air_us, now), channel))
        return out

    def choose(self, session, now, air_us, priority):
        """A channel by chance among those that may send now, or None."""
        free = [channel for wait, channel in self.waits(session, now, air_us, priority) if not wait]
        return free[random_below(len(free))] if free else None


def region_of(table):
    """The Region of a table."""
    if table["channel_slots"]:
        return Region(table)
    from .fixed import Fixed

    return Fixed(table)
