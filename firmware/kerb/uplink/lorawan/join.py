"""Over-the-air activation (LoRaWAN 1.0.4 section 6.2)."""

from micropython import const

from kerb import log

from . import duty, frames
from .crypto import random_below, session_keys

_BYTES = const(23)  # of a join request
_TRIES = const(720)  # a multiple of the number of join rates, and of eight passes of nine attempts


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
        self._heard = ""

    def _next(self, session):
        """(seconds to wait, channel, DR, time on air) of the next join request: join back-off and sub-band together."""
        region, now = self.region, self.exchange.board.mono()
        channel, dr = region.join_plan(session.join_tries, session.owner)
        air_us = self.exchange.air_us(_BYTES, dr)
        duty.refill(session, region.bands, now)
        wait = duty.wait_s(session, region.bands, region.band(channel[0]), duty.price(air_us))
        return max(wait, duty.join_wait_s(session, air_us, now), session.quiet_until - now), channel, dr, air_us

    def wait_s(self, session):
        """Seconds until the next join request may leave."""
        return max(self._next(session)[0], 0)

    def run(self, session):
        """True when joined. Pauses grow between the requests; stops early when the back-off forbids the next one.

        The log says how a search ended that found nothing: `join waits`, `join silent` (no coverage, or another region), or
        `join refused` (an answer that is not for this device, its key, its region, or older than the last).
        """
        region, exchange, ids = self.region, self.exchange, self.identity
        session.reset_mac(region)
        self._heard = "waits"
        for attempt in range(self.attempts):
            if attempt:
                exchange.board.idle_ms((1000 << attempt) + random_below(1000 << attempt))
            wait, channel, dr, air_us = self._next(session)
            if wait > 0:
                break
            if not attempt:
                self._heard = "silent"
            session.join_tries = (session.join_tries + 1) % _TRIES
            duty.join_spend(session, air_us)
            nonce = self.vault.take_dev_nonce()
            self._last_nonce = self.vault.join_nonce()
            phy = frames.join_request(ids["app_key"], ids["join_eui"], ids["dev_eui"], nonce)
            delay = region.join_delay_s
            windows = ((delay, channel[1], region.rx1(dr, 0, session.dwell)), (delay + 1, session.rx2_hz, session.rx2_dr))
            if exchange.run(session, phy, channel[0], dr, windows, self._take):
                self._activate(session, nonce, dr)
                return True
        log.event("join", self._heard)
        return False

    def _take(self, data):
        accept = frames.join_accept(self.identity["app_key"], data)
        if accept is None or accept.join_nonce <= self._last_nonce or not self.region.heard(accept.rx2_dr, accept.rx1_offset):
            self._heard = "refused"
            return False
        self._accepted = accept
        return True

    def _activate(self, session, nonce, dr):
        accept = self._accepted
        session.keys = session_keys(self.identity["app_key"], accept.join_nonce, accept.net_id, nonce)
        session.dev_addr, session.dev_nonce, session.dr = accept.dev_addr, nonce, dr
        session.fcnt_up = session.lease = session.fcnt_down = session.join_tries = 0
        session.rx_delay, session.rx1_offset, session.rx2_dr = accept.rx_delay, accept.rx1_offset, accept.rx2_dr
        self._channel_list(session, accept.cf_list)
        session.joined = 1
        self.vault.save_join(session, accept.join_nonce)

    def _channel_list(self, session, cf_list):
        """Five frequencies, or the masks of a fixed plan; a list of a type the region does not use is ignored."""
        region = self.region
        if len(cf_list) != 16 or cf_list[15] != region.cflist_type:
            return
        if region.cflist_type:
            session.mask = int.from_bytes(cf_list[:10], "little") & region.default_mask or region.default_mask
            return
        low, high = region.cflist_dr
        index = len(region.defaults)
        for at in range(0, 15, 3):
            hz = int.from_bytes(cf_list[at : at + 3], "little") * 100
            if region.band(hz) >= 0:
                session.channels[index] = [hz, hz, low, high]
                session.mask |= 1 << index
            index += 1
