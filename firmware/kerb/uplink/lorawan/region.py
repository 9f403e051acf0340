"""A regional plan read from its table (protocols/lorawan/*.toml, carried in node.json as plain integers and lists).

Nothing here belongs to one region; a region is a table. kerbstone.build.regions says what the codes of `mask_control` mean.
"""

from kerb.errors import ConfigError

from .crypto import random_below


class Region:
    """The rules of one region. Frequencies in Hz, data rates as DR numbers, channel masks as integers (bit n = channel n).

    Every key of the table is an attribute. `defaults` are the channels of the plan as [uplink Hz, RX1 Hz, lowest DR, highest DR].
    """

    def __init__(self, table):
        self.downlink = self.listen_before_talk = None
        for key in table:
            setattr(self, key, table[key])
        self.rates = self.data_rates
        self.defaults = []
        for first, step, count, low, high in self.channels:
            for i in range(count):
                hz = down = first + i * step
                if self.downlink:  # a fixed plan answers on channels of its own
                    down = self.downlink[0] + i % self.downlink[2] * self.downlink[1]
                self.defaults.append([hz, down, low, high])
        self.default_mask = (1 << len(self.defaults)) - 1

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
        if action == -3:
            mask = 0
            for i in range(8):
                if bits >> i & 1:
                    mask |= 0xFF << 8 * i | 1 << 64 + i
            return mask
        if action < 0:
            return None
        if action & 48:
            mask = (1 << 64) - 1 if action & 16 else 0
        shift = (action & 15) * 16
        mask = mask & ~(0xFFFF << shift) | bits << shift
        if not self.channel_slots:
            mask &= defined  # the bits beyond the last channel of a fixed plan are reserved
        return mask if mask & ~defined == 0 else None

    def join_plan(self, attempt, seed=0):
        """(channel, DR) of join attempt number `attempt`, counted from 0.

        Of a fixed plan one 125 kHz channel of each eight and then one of 500 kHz, others in every pass until each had its turn,
        in an order of the device's own (`seed`). Of another a channel by chance, the rate from the table.
        """
        if self.channel_slots:
            return self.defaults[random_below(len(self.defaults))], self.join_dr[attempt % len(self.join_dr)]
        turn, step = divmod(attempt, 9)
        wide = step == 8
        first = 64 if wide else (step + seed & 7) * 8
        return self.defaults[first + (turn * 5 + (seed >> 3 + step) & 7)], self.join_dr[wide]
