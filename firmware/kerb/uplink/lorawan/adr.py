"""Adaptive data rate, the device's half: step by step more range when the network falls silent (LoRaWAN 1.0.4 section 4.3.1.1)."""

from micropython import const

_ADR = const(0x80)  # bits of FCtrl
_ADR_ACK_REQ = const(0x40)


def control_bits(session, region, enabled):
    """The ADR and ADRACKReq bits of the next uplink."""
    if not enabled:
        return 0
    return _ADR | _ADR_ACK_REQ if session.adr_count + 1 >= region.adr_ack_limit else _ADR


def advance(session, region, enabled, confirmed):
    """Counts an uplink that brought no downlink and prepares the session for the next one.

    Uplinks are counted from 1: from `adr_ack_limit` on they ask for a sign of life; `adr_ack_delay` later the power returns to
    its default; each further delay takes one step down in rate; past the slowest rate the default channels come back and
    NbTrans becomes 1. A confirmed uplink without an answer need not wait so long: from the second in a row on, each takes the next
    to two steps more of range (LoRaWAN 1.0.2 section 18.4 has one step every second time), for a car that parks on a node takes
    15 dB from its link. Returns True after such a step.
    """
    session.adr_count = min(session.adr_count + 1, 0xFFFE)
    if not enabled:
        return False
    late = session.adr_count + 1 - region.adr_ack_limit
    if late > 0 and not late % region.adr_ack_delay:
        session.power = 0
        if late > region.adr_ack_delay and not _slower(session, region, 1):
            session.mask |= region.default_mask
            session.nb_trans = 1
        return True
    if confirmed and session.adr_count > 1 and late <= 0:
        session.power = 0
        return _slower(session, region, 2)
    return False


def _slower(session, region, steps):
    """Takes up to `steps` usable rates more of range; False when there is none."""
    before = session.dr
    for dr in range(before - 1, -1, -1):
        if steps and region.usable(dr, session.dwell):
            session.dr = dr
            steps -= 1
    return session.dr != before
