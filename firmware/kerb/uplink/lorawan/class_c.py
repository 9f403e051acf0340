"""Class C (LoRaWAN 1.0.4 section 17): between its uplinks a device on mains listens on the parameters of RX2, or on those of a multicast
session."""

import time

from micropython import const

from . import frames
from .mac import Exchange

_POLL_MS = const(20)
_EARLY_MS = const(30)  # before a window the ear closes this long, so that the radio is ready for it
_ANSWER = const(33)  # bytes of a downlink waited for after RX2 opened: what carries an acknowledgement and MAC commands
_CONFIRMED_DOWN = const(0xA0)


class Listener(Exchange):
    """An Exchange whose radio listens whenever it has nothing else to do, if `always`, and while a multicast session runs.

    `radio.heard()` may bring frames of the device's own and of `groups`, a list of objects with `addr`, `keys`, `fcnt` (lowest acceptable
    next), `last`; `session` is (Hz, DR) of the multicast session that runs, or None.
    """

    def __init__(self, region, board, config, always):
        super().__init__(region, board, config)
        self.always = always
        self.mac = None  # set by the owner, as is the driver's module for listening
        self.ear = None
        self.groups = []
        self.allows = None  # allows(port, payload): whether a member of a group may say this to the others
        self.session = None
        self.owes = False  # the network awaits a word that need not wait for the next reading
        self._open = self._unsaved = False

    @property
    def listening(self):
        """Whether the receiver should be on between uplinks."""
        return bool(self.mac.session.joined and (self.always or self.session))

    def run(self, session, phy, channel, dr, delay, accept):
        """As Exchange.run; what is heard outside the windows is taken as class C frames, and RX2 is part of the listening."""
        self._open = False
        if not self.listening:
            return super().run(session, phy, channel, dr, delay, accept)
        try:
            done = self.transmit(session, phy, channel[0], dr)
            self._listen_until(time.ticks_add(done, delay * 1000000 - _EARLY_MS * 1000 - self.radio.wake_ms * 1000))
            self._open = False
            if self.listen(session, done, delay, channel[1], self.region.rx1(dr, session.rx1_offset, session.dwell), accept):
                return True
            return self._listen_in_rx2(session, done, delay + 1, accept)
        finally:
            self.resume()
            self._settle()

    def _listen_in_rx2(self, session, done, delay, accept):
        """RX2 with the ear open; an answer is a frame that began at its time."""
        if self.session:  # the ear is elsewhere
            heard = self.listen(session, done, delay, session.rx2_hz, session.rx2_dr, accept)
            self.rssi = None
            return heard
        due = delay * (1000000 + session.slip)
        slack = self.error_us << session.doubt
        air = self.air_us(_ANSWER, session.rx2_dr)
        end = time.ticks_add(done, due + slack + air)
        while time.ticks_diff(end, time.ticks_us()) > 0:
            heard = self._next()
            if not heard:
                self.board.idle_ms(_POLL_MS)
                continue
            began = time.ticks_diff(heard[3], done) - self.air_us(len(heard[0]), session.rx2_dr)
            self.snr = heard[2]
            if abs(began - due) <= slack + air // 2 and accept(heard[0]):
                session.doubt = 0
                self.rssi = None
                return True
            self.take(heard[0])
        return False

    # -- the ear -----------------------------------------------------------------------------------------------------------

    def shut(self):
        """Forgets that the ear was open: the radio starts anew."""
        self._open = False

    def resume(self):
        """Opens the ear, or puts the radio to sleep where there is nothing to listen for."""
        if not self.listening:
            self._open = False
            self.radio.sleep()
            return
        self._open = True
        mac = self.mac
        hz, dr = self.session or (mac.session.rx2_hz, mac.session.rx2_dr)
        self.ear.listen(self.radio, hz, self.region.rates[dr])

    def _next(self):
        """What the ear heard, or None; opens it first."""
        if not self._open:
            self.resume()
        return self.ear.heard(self.radio)

    def _listen_until(self, tick):
        while time.ticks_diff(tick, time.ticks_us()) > _POLL_MS * 1000:
            self.poll()
            self.board.idle_ms(_POLL_MS)

    def poll(self):
        """Takes what was heard since; True when it was for this device."""
        heard = self._next() if self.listening else None
        if not heard:
            return False
        self.snr = heard[2]
        return self.take(heard[0])

    def wait(self, ms):
        """Sleeps up to `ms` with the ear open; True when a message ended it."""
        if not self.listening:
            self.board.idle_ms(ms)
            return False
        end = time.ticks_add(time.ticks_ms(), ms)
        while time.ticks_diff(end, time.ticks_ms()) > 0:
            if self.poll():
                self._settle()
                return True
            self.board.idle_ms(_POLL_MS)
        return False

    def take(self, data):
        """Takes a frame heard outside the windows: one of the device's own, or of a group it belongs to."""
        mac = self.mac
        if mac.take(data, False):
            self._unsaved = True
            self.owes = bool(mac.session.ack_due or mac.session.answers)
            return True
        return any([self._take_from(group, data) for group in self.groups])

    def _settle(self):
        """Writes down what frames outside the windows changed; not between an uplink and its last window."""
        mac = self.mac
        if not self._unsaved:
            return
        self._unsaved = False
        mac.vault.save_counters(mac.session, mac.session.lease)
        if mac.link.changed:
            mac.vault.save(mac.session)
            self.resume()  # RX2 may have moved

    def _take_from(self, group, data):
        """A multicast frame carries no MAC command and asks for no acknowledgement (section 4.3.1.2)."""
        down = frames.data_down(group.keys, group.addr, group.fcnt, data)
        if down is None or data[0] == _CONFIRMED_DOWN or not down[4] or down[3] or down[2] > group.last:
            return False
        if not self.allows(down[4], down[5]):
            return False  # the keys of a group are in many hands
        group.fcnt = down[2] + 1
        self.mac.deliver(down[4], down[5])
        return True
