"""A regional plan read from its table (protocols/lorawan/*.toml, carried in node.json as plain integers and lists).

Nothing here belongs to one region; a region is a table.
"""

from micropython import const

from kerb.errors import ConfigError
from kerb.uplink.lorawan.crypto import random_below

_ALL_ON = const(-2)
_BANK = const(16)  # channels a ChMask covers
_KEYS = (
    "name sync_word frequency_hz channels channel_slots cflist_type cflist_dr data_rates join_dr rx_delay_s join_delay_s rx2 rx1_dr"
    " max_eirp_dbm power_step_db max_power_index tx_param_setup mask_control adr_ack_limit adr_ack_delay bands"
)


class Region:
    """The rules of one region. Frequencies in Hz, data rates as DR numbers, channel masks as integers (bit n = channel n)."""

    bands: list
    channels: list
    data_rates: list
    frequency_hz: list
    join_dr: list
    mask_control: list
    max_eirp_dbm: int
    power_step_db: int
    rx1_dr: list

    def __init__(self, table):
        for key in _KEYS.split():
            if key not in table:
                raise ConfigError("region table lacks '%s': build node.json again from protocols/lorawan" % key)
            setattr(self, key, table[key])
        self.rates = self.data_rates
        self.defaults = self.channels
        self.default_mask = (1 << len(self.defaults)) - 1

    def usable(self, dr):
        """True when the data rate exists and this radio can send and hear it."""
        return 0 <= dr < len(self.rates) and self.rates[dr][0] > 0

    def max_payload(self, dr):
        """Largest application payload at this data rate, without FOpts."""
        return self.rates[dr][2]

    def offset_valid(self, offset):
        return offset < len(self.rx1_dr[0])

    def band(self, hz):
        """Index of the sub-band a carrier lies in, or -1 where transmission is not allowed."""
        for i, row in enumerate(self.bands):
            if row[0] <= hz < row[1]:
                return i
        return -1

    def tunable(self, hz):
        """True for a frequency the network may set."""
        low, high = self.frequency_hz
        return low <= hz <= high

    def eirp_dbm(self, power_index):
        return self.max_eirp_dbm - power_index * self.power_step_db

    def mask_after(self, control, bits, mask, defined):
        """The channel mask after one LinkADRReq, or None when it is reserved or names a channel that is not defined."""
        action = self.mask_control[control]
        if action == _ALL_ON:
            return defined
        if action < 0:
            return None
        shift = action * _BANK
        new = mask & ~(0xFFFF << shift) | (bits << shift)
        return new if new & ~defined == 0 else None

    def join_plan(self, attempt):
        """(Hz, DR) of join attempt number `attempt`, counted from 0: the channel by chance, the rate from the table."""
        row = self.defaults[random_below(len(self.defaults))]
        return row[0], self.join_dr[attempt % len(self.join_dr)]
