"""MAC commands of a class A device (LoRaWAN 1.0.4 section 5): reads requests, changes the session, queues answers.

A request is either carried out as a whole or not at all, and reading stops at the first command that is unknown, cut short, or
whose answer no longer fits.
"""

from micropython import const

from .session import ANSWERS

_LINK_CHECK = const(0x02)
_LINK_ADR = const(0x03)
_DUTY_CYCLE = const(0x04)
_RX_PARAM = const(0x05)
_DEV_STATUS = const(0x06)
_NEW_CHANNEL = const(0x07)
_RX_TIMING = const(0x08)
_TX_PARAM = const(0x09)
_DL_CHANNEL = const(0x0A)
_DEVICE_TIME = const(0x0D)

_KEEP = const(15)  # data rate or power "as it is"
# By CID: bytes that follow it in a request (255 ends beyond every frame: unknown), and bytes of the whole answer.
_ASKED = b"\xff\xff\x02\x04\x01\x04\x00\x05\x01\x01\x04\xff\xff\x05"
_ANSWER = b"\0\0\0\2\1\2\3\2\1\1\2\0\0\0"
_STICKY = const(1 << 5 | 1 << 8 | 1 << 9 | 1 << 10)  # CIDs whose answers are repeated until a downlink comes
_EIRP = b"\x08\x0a\x0c\x0d\x0e\x10\x12\x14\x15\x18\x1a\x1b\x1d\x1e\x21\x24"  # dBm by index of TxParamSetupReq, section 5.8


class Link:
    """What commands need from the outside and what they bring back.

    In: `adr` (bool), `snr` of the frame in dB, `battery` 0 external, 1..254, 255 unknown; `asked`: CIDs of the requests the uplink just
    sent carried. Out: `check` (margin dB, gateways) or None, `gps` (seconds, 1/256 s) or None,
    `changed` when the session must be saved.
    """

    adr = True
    snr = 0
    battery = 255
    asked: tuple = ()
    changed = False
    check = None
    gps: tuple | None = None


def _link_adr(session, region, link, block):
    """One status for a contiguous block of LinkADRReq (5 bytes each, CID included)."""
    mask = session.mask
    defined = region.carries(session, -1)
    for at in range(0, len(block), 5):
        if mask is not None:
            mask = region.mask_after(block[at + 4] >> 4 & 7, block[at + 2] | block[at + 3] << 8, mask, defined)
    dr, power = block[-4] >> 4, block[-4] & 15
    if dr == _KEEP or not link.adr:
        dr = session.dr
    if power == _KEEP or not link.adr:
        power = session.power
    status = 1 if mask else 0
    if region.usable(dr, session.dwell) and (not mask or region.carries(session, mask, dr)):
        status |= 2
    if power <= region.max_power_index:
        status |= 4
    if status == 7:
        session.mask, session.dr, session.power = mask, dr, power
        session.nb_trans = block[-1] & 15 or session.nb_trans
        link.changed = True
    return status


def _carry_out(session, region, link, cid, body):
    """Does what one request asks for. The answer without its CID, or None for silence."""
    if cid == _LINK_CHECK:
        if cid in link.asked:
            link.check = (body[0], body[1])
        return None
    if cid == _DEVICE_TIME:
        if cid in link.asked:
            link.gps = (int.from_bytes(body[:4], "little"), body[4])
        return None
    if cid == _DEV_STATUS:
        return bytes((link.battery, max(-32, min(31, link.snr)) & 63))
    status = 3
    first = body[0]
    if cid == _DUTY_CYCLE:
        session.duty_exponent = first & 15
        session.quiet_until = 0
    elif cid == _RX_TIMING:
        session.rx_delay = first & 15 or 1
    elif cid == _TX_PARAM:
        if not region.tx_param_setup:
            return None
        session.max_eirp, session.dwell = _EIRP[first & 15], first >> 4 & 3
        while not region.usable(session.dr, session.dwell):
            session.dr += 1  # too slow for the limit
    else:
        hz = int.from_bytes(body[1:4], "little") * 100
        channels = session.channels
        if cid == _RX_PARAM:
            offset, dr = first >> 4 & 7, first & 15
            status = region.heard(region.rx2[1], offset) << 2 | region.heard(dr, 0) << 1 | region.tunable(hz)
            if status == 7:
                session.rx1_offset, session.rx2_dr, session.rx2_hz = offset, dr, hz
        elif not region.channel_slots:
            return None  # nobody changes the channels of a fixed plan
        elif cid == _NEW_CHANNEL:
            low, high = body[4] & 15, body[4] >> 4
            if not len(region.defaults) <= first < len(channels):
                return b"\0"
            if not hz:
                channels[first] = None
                session.mask &= ~(1 << first)
            else:
                status = (low <= high and region.usable(low) and region.usable(high)) << 1 | (region.band(hz) >= 0)
                if status == 3:
                    channels[first] = [hz, hz, low, high]
                    session.mask |= 1 << first
        else:
            status = (first < len(channels) and channels[first] is not None) << 1 | region.tunable(hz)
            if status == 3:
                channels[first][1] = hz
        link.changed |= status == (7 if cid == _RX_PARAM else 3)
        return bytes((status,))
    link.changed = True
    return b""


def process(session, region, link, data):
    """Carries out the MAC commands of one downlink; answers go to `session.answers`, findings to `link`."""
    answers = session.answers
    at = 0
    while at < len(data):
        cid = data[at]
        if cid >= len(_ASKED):
            return
        end = at + 1 + _ASKED[cid]
        count = 1
        if cid == _LINK_ADR:
            while data[end : end + 1] == b"\3" and end + 5 <= len(data):
                end += 5
                count += 1
        if end > len(data) or len(answers) + count * _ANSWER[cid] > ANSWERS:
            return
        if cid == _LINK_ADR:
            answers += bytes((_LINK_ADR, _link_adr(session, region, link, data[at:end]))) * count
        else:
            answer = _carry_out(session, region, link, cid, data[at + 1 : end])
            if answer is not None:
                answers.append(cid)
                answers += answer
        at = end


def sticky(answers):
    """Those answers that go into every uplink until a downlink arrives (sections 5.4, 5.7, 5.8, 5.10)."""
    out = bytearray()
    at = 0
    while at < len(answers):
        end = at + _ANSWER[answers[at]]
        if _STICKY >> answers[at] & 1:
            out += answers[at:end]
        at = end
    return out


def fitting(answers, room):
    """Number of leading bytes of `answers` that are whole commands and fit into `room`."""
    at = 0
    while at < len(answers) and at + _ANSWER[answers[at]] <= room:
        at += _ANSWER[answers[at]]
    return at
