"""Over-the-air activation (LoRaWAN 1.0.4 section 6.2)."""

from micropython import const

from kerb.uplink.lorawan import duty, frames
from kerb.uplink.lorawan.crypto import random_below, session_keys

_BYTES = const(23)  # of a join request
_TRIES = const(240)  # a multiple of the number of join rates of every region


def wait_s(session, region, exchange, now):
    """Seconds until the next join request may leave: join back-off and sub-band together."""
    hz, dr = region.join_plan(session.join_tries)
    return _wait_s(session, region, hz, exchange.air_us(_BYTES, dr), now)


def _wait_s(session, region, hz, air_us, now):
    duty.refill(session, region.bands, now)
    wait = duty.wait_s(session, region.bands, region.band(hz), duty.price(air_us))
    return max(wait, duty.join_wait_s(session, air_us, now), session.quiet_until - now)


class Join:
    """A bounded search for a network; `attempts` requests a call at most."""

    def __init__(self, region, vault, exchange, identity, attempts):
        self.region = region
        self.vault = vault
        self.exchange = exchange
        self.identity = identity
        self.attempts = attempts
        self._accepted = None
        self._last_nonce = -1

    def run(self, session):
        """True when joined. Pauses grow between the requests; stops early when the back-off forbids the next one."""
        region, board, ids = self.region, self.exchange.board, self.identity
        session.power = 0
        for attempt in range(self.attempts):
            if attempt:
                board.idle_ms((1000 << attempt) + random_below(1000 << attempt))
            hz, dr = region.join_plan(session.join_tries)
            air_us = self.exchange.air_us(_BYTES, dr)
            if _wait_s(session, region, hz, air_us, board.mono()) > 0:
                return False
            session.join_tries = (session.join_tries + 1) % _TRIES
            duty.join_spend(session, air_us)
            nonce = self.vault.take_dev_nonce()
            self._last_nonce = self.vault.join_nonce()
            phy = frames.join_request(ids["app_key"], ids["join_eui"], ids["dev_eui"], nonce)
            delay = region.join_delay_s
            windows = ((delay, hz, region.rx1_dr[dr][0]), (delay + 1, region.rx2[0], region.rx2[1]))
            if self.exchange.run(session, phy, hz, dr, windows, self._take):
                self._activate(session, nonce, dr)
                return True
        return False

    def _take(self, data):
        accept = frames.join_accept(self.identity["app_key"], data)
        region = self.region
        if accept is None or accept.join_nonce <= self._last_nonce:
            return False
        if not region.usable(accept.rx2_dr) or not region.offset_valid(accept.rx1_offset):
            return False
        self._accepted = accept
        return True

    def _activate(self, session, nonce, dr):
        accept, region = self._accepted, self.region
        session.reset_mac(region)
        session.keys = session_keys(self.identity["app_key"], accept.join_nonce, accept.net_id, nonce)
        session.dev_addr, session.dev_nonce, session.dr = accept.dev_addr, nonce, dr
        session.fcnt_up = session.lease = session.fcnt_down = session.join_tries = 0
        session.rx_delay, session.rx1_offset, session.rx2_dr = accept.rx_delay, accept.rx1_offset, accept.rx2_dr
        _extra_channels(session, region, accept.cf_list)
        session.joined = 1
        self.vault.save_join(session, accept.join_nonce)


def _extra_channels(session, region, cf_list):
    """Adds the five frequencies of a join accept; a list of a type the region does not use is ignored."""
    if len(cf_list) != 16 or cf_list[15] != region.cflist_type or region.cflist_type:
        return
    low, high = region.cflist_dr
    for i in range(5):
        hz = int.from_bytes(cf_list[3 * i : 3 * i + 3], "little") * 100
        if region.band(hz) >= 0:
            index = len(region.defaults) + i
            session.channels[index] = [hz, hz, low, high]
            session.mask |= 1 << index
