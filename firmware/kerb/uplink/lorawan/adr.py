"""Adaptive data rate, the device's half: step by step more range when the network falls silent (LoRaWAN 1.0.4 section 4.3.1.1)."""

from .frames import ADR, ADR_ACK_REQ


def control_bits(session, region, enabled):
    """The ADR and ADRACKReq bits of the next uplink."""
    if not enabled:
        return 0
    return ADR | ADR_ACK_REQ if session.adr_count + 1 >= region.adr_ack_limit else ADR


def advance(session, region, enabled):
    """Counts an uplink that brought no downlink and prepares the session for the next one.

    Uplinks are counted from 1: from `adr_ack_limit` on they ask for a sign of life; `adr_ack_delay` later the power returns to
    its default; each further delay takes one step down in rate; past the slowest rate the default channels come back and
    NbTrans becomes 1. Returns True after such a step.
    """
    session.adr_count = min(session.adr_count + 1, 0xFFFE)
    if not enabled:
        return False
    late = session.adr_count + 1 - region.adr_ack_limit
    if late <= 0 or late % region.adr_ack_delay:
        return False
    session.power = 0
    if late > region.adr_ack_delay:
        slower = session.dr - 1
        while slower >= 0 and not region.usable(slower, session.dwell):
            slower -= 1
        if slower < 0:
            session.mask |= region.default_mask
            session.nb_trans = 1
        else:
            session.dr = slower
    return True
