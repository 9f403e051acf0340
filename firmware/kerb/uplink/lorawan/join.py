"""Over-the-air activation (LoRaWAN 1.0.4 section 6.2): a bounded search for a network."""

from micropython import const

from kerb import log

from . import frames
from .crypto import random_below, session_keys

_HOUR = const(3600)
_JOIN_SECOND = const(39600)  # end of the tenth hour after the first
_DAY = const(86400)
_BYTES = const(23)  # of a join request
_TRIES = const(720)  # a multiple of the number of join rates, and of eight passes of nine attempts
_NOISE_DBM = const(-105)  # what is above it in 125 kHz is a transmitter: noise lies 10 dB lower
_LOOK_MS = const(50)


def join_period(elapsed_s):
    """(number, budget in ms, seconds until the next) of the join back-off period (LoRaWAN 1.0.4 section 7): 36 s of air in the
    first hour after power-on, 36 s in the next ten, then 8.7 s a day."""
    if elapsed_s < _JOIN_SECOND:
        later = elapsed_s >= _HOUR
        return later, 36000, (_JOIN_SECOND if later else _HOUR) - elapsed_s
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


class Join:
    """`keys`: DevEUI, JoinEUI, AppKey; `attempts` requests a call at most."""

    def __init__(self, mac, keys, attempts):
        self.mac = mac
        self.keys = keys
        self.attempts = attempts
        self._accepted = None
        self._last_nonce = -1
        self._heard = ""

    def next(self):
        """(seconds to wait, channel, DR, time on air) of the next join request: join back-off and sub-band together."""
        mac = self.mac
        session, region, now = mac.session, mac.region, mac.exchange.board.mono()
        channel, dr = region.join_plan(session.join_tries, session.owner)
        air_us = mac.exchange.air_us(_BYTES, dr)
        region.refill(session, now)
        return max(region.wait_s(session, channel[0], air_us, now), join_wait_s(session, air_us, now)), channel, dr, air_us

    def run(self):
        """True when joined. Pauses grow between the requests; stops early when the back-off forbids the next one.

        The log says how a search ended that found nothing: `join waits`; `join silent REGION busy` or `quiet`, whether anybody was heard
        on the plan's channels; or `join refused` and why an answer was: `key` (not for this device or its key), `nonce` (older than the
        last), `region` (a plan other than this one). A quiet plan may be the wrong one or have no coverage: a device cannot know.
        """
        mac = self.mac
        session, region, exchange = mac.session, mac.region, mac.exchange
        session.reset_mac(region)
        self._heard = "waits"
        for attempt in range(self.attempts):
            if attempt:
                exchange.board.idle_ms((1000 << attempt) + random_below(1000 << attempt))
            wait, channel, dr, air_us = self.next()
            if wait:
                break
            if not attempt:
                self._heard = ""
            session.join_tries = (session.join_tries + 1) % _TRIES
            session.join_used += air_us // 1000 + 1
            nonce, self._last_nonce = mac.vault.take_nonces()
            phy = frames.join_request(self.keys, nonce)
            if exchange.run(session, phy, channel, dr, region.join_delay_s, self._take):
                self._activate(session, nonce, dr)
                return True
            exchange.missed(session)
        log.event("join", self._heard or self._quiet())
        return False

    def _quiet(self):
        """What a look at some channels of the plan found."""
        region, radio = self.mac.region, self.mac.exchange.radio
        word = "quiet"
        for channel in region.defaults[:3]:
            if not radio.clear(channel[0], region.rates[channel[3]], _NOISE_DBM, _LOOK_MS):
                word = "busy"
        radio.sleep()
        return "silent %s %s" % (region.name, word)

    def _take(self, data):
        accept = frames.join_accept(self.keys[2], data)
        if accept is None:
            why = "key"
        elif accept[0] <= self._last_nonce:
            why = "nonce"
        elif self.mac.region.heard(accept[4], accept[3]):
            self._accepted = accept
            return True
        else:
            why = "region"
        self._heard = "refused " + why
        return False

    def _activate(self, session, nonce, dr):
        region = self.mac.region
        join_nonce, net_id, session.dev_addr, session.rx1_offset, session.rx2_dr, session.rx_delay, cf_list = self._accepted
        session.keys = session_keys(self.keys[2], join_nonce, net_id, nonce)
        session.dev_nonce = nonce
        session.dr = dr
        session.fcnt_up = session.lease = session.fcnt_down = session.join_tries = 0
        if len(cf_list) == 16 and cf_list[15] == region.cflist_type:  # another type is ignored
            region.take_channels(session, cf_list)
        session.joined = 1
        self.mac.vault.save_join(session, join_nonce)
