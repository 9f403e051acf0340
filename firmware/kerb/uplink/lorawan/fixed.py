"""A fixed plan (US915, AU915): 64 channels of 125 kHz and 8 of 500 kHz, answered on 8 downlink channels of their own."""

from .region import Region


class Fixed(Region):
    """The same rules over a table with `downlink` = [first Hz, step, count]."""

    def __init__(self, table):
        super().__init__(table)
        first, step, count = self.downlink
        for i, channel in enumerate(self.defaults):
            channel[1] = first + i % count * step

    def mask_after(self, control, bits, mask, defined):
        """As Region.mask_after; the bits beyond the last channel are reserved."""
        action = self.mask_control[control]
        if action == -3:
            mask = 0
            for i in range(8):
                if bits >> i & 1:
                    mask |= 0xFF << 8 * i | 1 << 64 + i
            return mask
        if action < 0:
            return super().mask_after(control, bits, mask, defined)
        if action & 48:
            mask = (1 << 64) - 1 if action & 16 else 0
        shift = (action & 15) * 16
        return (mask & ~(0xFFFF << shift) | bits << shift) & defined

    def take_channels(self, session, cf_list):
        """The channel masks of a join accept; one that leaves nothing is ignored."""
        session.mask = int.from_bytes(cf_list[:10], "little") & self.default_mask or self.default_mask

    def join_plan(self, attempt, seed=0):
        """One 125 kHz channel of each eight and then one of 500 kHz, others in every pass until each had its turn, in an order of the
        device's own (`seed`)."""
        turn, step = divmod(attempt, 9)
        wide = step == 8
        first = 64 if wide else (step + seed & 7) * 8
        return self.defaults[first + (turn * 5 + (seed >> 3 + step) & 7)], self.join_dr[wide]
