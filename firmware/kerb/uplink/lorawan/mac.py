"""The class A procedure for data: what goes into a frame, its repetitions, what a downlink changes (LoRaWAN 1.0.4 sections 4, 5).

Flash is written before an uplink or after its last window, never between.
"""

from micropython import const

from . import adr, commands, duty, frames
from .crypto import random_below

_OVERHEAD = const(13)  # MHDR, FHDR, FPort, MIC around an application payload
_FOPTS = const(15)
_QUEUE = const(4)  # downlinks kept until the application takes them


class Mac:
    """One device in one region. `session` is its state, `inbox` a list of (port, bytes), `pending` the network has more to say,
    `network_time` (GPS seconds, 1/256 s, ticks_ms it was true at) or None. Set `want_time`, `want_check` to ask."""

    def __init__(self, region, session, vault, exchange, adr_enabled):
        self.region = region
        self.session = session
        self.vault = vault
        self.exchange = exchange
        self.link = commands.Link()
        self.link.adr = adr_enabled
        self.want_time = self.want_check = self.pending = False
        self.inbox = []
        self.network_time = None
        self._refused = (0, 0)  # time on air and priority of the frame last offered
        self._acked = self._heard = False

    def wait_s(self):
        """Seconds until the frame last offered may leave."""
        now = self.exchange.board.mono()
        return min([wait for wait, _ in duty.waits(self.session, self.region, now, self._refused[0], self._refused[1])])

    def _requests(self):
        return (b"\2" if self.want_check else b"") + (b"\x0d" if self.want_time else b"")

    def _room(self):
        return self.region.max_payload(self.session.dr, self.session.dwell)

    def mtu(self):
        """Bytes of application payload one frame may carry now."""
        extra = len(self.session.answers) + len(self._requests())
        return self._room() - (extra if extra <= _FOPTS else 0)

    def send(self, port, payload, confirmed, priority):
        """Sends one frame. None when it may not leave now, else whether it was acknowledged.

        MAC answers that do not fit beside it leave first, in a frame of their own on port 0.
        """
        answers = self.session.answers
        room = self._room()
        crowded = answers and (len(answers) > _FOPTS or len(payload) + len(answers) > room)
        if crowded and self._frame(0, answers[: commands.fitting(answers, room)], b"", False, priority) is None:
            return None
        room = self._room() - len(payload)
        if room < 0:
            return None  # the network lowered the rate meanwhile: look at mtu again
        fopts = bytes(self.session.answers[: commands.fitting(self.session.answers, min(room, _FOPTS))])
        asked = self._requests()
        link = self.link
        if len(fopts) + len(asked) > min(room, _FOPTS):
            return self._frame(port, payload, fopts, confirmed, priority)
        link.check_asked, link.time_asked = self.want_check, self.want_time
        acked = self._frame(port, payload, fopts, confirmed, priority, asked)
        link.check_asked = link.time_asked = False
        if acked is not None:
            self.want_check = self.want_time = False
        return acked

    def _frame(self, port, payload, fopts, confirmed, priority, asked=b""):
        session, region, link, exchange = self.session, self.region, self.link, self.exchange
        dr = session.dr
        air_us = exchange.air_us(_OVERHEAD + len(payload) + len(fopts) + len(asked), dr)
        self._refused = (air_us, priority)
        channel = duty.choose(session, region, exchange.board.mono(), air_us, priority)
        if channel is None:
            return None
        self.vault.reserve(session)
        control = adr.control_bits(session, region, link.adr) | (frames.ACK if session.ack_due else 0)
        phy = frames.data_up(session.keys, session.dev_addr, session.fcnt_up, control, fopts + asked, port, payload, confirmed)
        session.fcnt_up += 1  # from here on this counter is spent, whatever happens to the frame
        session.ack_due = 0
        sent = len(fopts) if port else len(payload)
        session.answers = commands.sticky(session.answers[:sent]) + session.answers[sent:]
        self._acked = self._heard = link.changed = False
        try:
            for trial in range(session.nb_trans):
                if trial:
                    exchange.board.idle_ms(1000 + random_below(2000))  # RETRANSMIT_TIMEOUT, RP002-1.0.3 section 2.3
                    channel = duty.choose(session, region, exchange.board.mono(), air_us, priority)
                    if channel is None or session.dr != dr:
                        break
                delay = session.rx_delay
                rx1 = region.rx1(dr, session.rx1_offset, session.dwell)
                windows = ((delay, channel[1], rx1), (delay + 1, session.rx2_hz, session.rx2_dr))
                heard = exchange.run(session, phy, channel[0], dr, windows, self._take)
                if self._acked or (heard and not confirmed):
                    break
        finally:
            if not self._heard and adr.advance(session, region, link.adr):
                link.changed = True
        if self._heard:
            self.vault.save_downlink(session)
        if link.changed:
            self.vault.save(session)
        return self._acked

    def _take(self, data):
        session, link = self.session, self.link
        down = frames.data_down(session.keys, session.dev_addr, session.fcnt_down, data)
        if down is None:
            return False
        self._heard = True
        session.fcnt_down = down.fcnt + 1
        session.adr_count = 0
        session.answers = bytearray()
        self.pending = bool(down.control & frames.PENDING)
        if down.control & frames.ACK:
            self._acked = True
        if down.confirmed:
            session.ack_due = 1
        link.snr = self.exchange.snr
        link.gps = None
        commands.process(session, self.region, link, down.payload if down.port == 0 else down.fopts)
        if link.gps:
            self.network_time = (link.gps[0], link.gps[1], self.exchange.done_ms)
        if down.port:
            if len(self.inbox) == _QUEUE:
                self.inbox.pop(0)
            self.inbox.append((down.port, down.payload))
        return True
