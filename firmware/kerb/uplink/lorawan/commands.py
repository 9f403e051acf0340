"""MAC commands of a class A device (LoRaWAN 1.0.4 section 5): reads requests, changes the session, queues answers.

A command is one row of `_COMMANDS`; a package for another class adds rows. A request is either carried out as a whole or not
at all, and reading stops at the first command that is unknown, cut short, or whose answer no longer fits.
"""

from micropython import const

from kerb.uplink.lorawan.channels import carries
from kerb.uplink.lorawan.session import ANSWERS

LINK_CHECK = const(0x02)
_LINK_ADR = const(0x03)
_DUTY_CYCLE = const(0x04)
_RX_PARAM = const(0x05)
_DEV_STATUS = const(0x06)
_NEW_CHANNEL = const(0x07)
_RX_TIMING = const(0x08)
_TX_PARAM = const(0x09)
_DL_CHANNEL = const(0x0A)
DEVICE_TIME = const(0x0D)

_KEEP = const(15)  # data rate or power "as it is"


class Link:
    """What commands need from the outside and what they bring back.

    In: `adr` (bool), `snr` of the frame in dB, `battery` 0 external, 1..254, 255 unknown; `time_asked`, `check_asked` when the
    uplink just sent carried the request. Out: `check` (margin dB, gateways) or None, `gps` (seconds, 1/256 s) or None,
    `changed` when the session must be saved.
    """

    def __init__(self):
        self.adr = True
        self.snr = 0
        self.battery = 255
        self.time_asked = self.check_asked = self.changed = False
        self.check = self.gps = None


def _hz(data, at):
    return (data[at] | data[at + 1] << 8 | data[at + 2] << 16) * 100


def _link_adr(session, region, link, block):
    """One status for a contiguous block of LinkADRReq (5 bytes each, CID included)."""
    mask = session.mask
    defined = session.defined()
    for at in range(0, len(block), 5):
        control = block[at + 4] >> 4 & 7
        if mask is not None:
            mask = region.mask_after(control, block[at + 2] | block[at + 3] << 8, mask, defined)
    last = len(block) - 5
    dr, power = block[last + 1] >> 4, block[last + 1] & 15
    if dr == _KEEP or not link.adr:
        dr = session.dr
    if power == _KEEP or not link.adr:
        power = session.power
    status = 1 if mask else 0
    if region.usable(dr) and (not mask or carries(session, mask, dr)):
        status |= 2
    if power <= region.max_power_index:
        status |= 4
    if status == 7:
        session.mask, session.dr, session.power = mask, dr, power
        session.nb_trans = block[last + 4] & 15 or session.nb_trans
        link.changed = True
    return status


def _link_check(session, region, link, body):
    if link.check_asked:
        link.check = (body[0], body[1])


def _device_time(session, region, link, body):
    if link.time_asked:
        link.gps = (int.from_bytes(body[:4], "little"), body[4])


def _duty_cycle(session, region, link, body):
    session.duty_exponent = body[0] & 15
    session.quiet_until = 0
    link.changed = True
    return b""


def _rx_param(session, region, link, body):
    offset, dr, hz = body[0] >> 4 & 7, body[0] & 15, _hz(body, 1)
    status = (4 if region.offset_valid(offset) else 0) | (2 if region.usable(dr) else 0) | (1 if region.tunable(hz) else 0)
    if status == 7:
        session.rx1_offset, session.rx2_dr, session.rx2_hz = offset, dr, hz
        link.changed = True
    return bytes((status,))


def _dev_status(session, region, link, body):
    return bytes((link.battery, max(-32, min(31, link.snr)) & 63))


def _new_channel(session, region, link, body):
    index, hz, low, high = body[0], _hz(body, 1), body[4] & 15, body[4] >> 4
    if not len(region.defaults) <= index < len(session.channels):
        return b"\0"
    status = (1 if hz == 0 or region.band(hz) >= 0 else 0) | (2 if low <= high and region.usable(low) and region.usable(high) else 0)
    if hz == 0:
        session.channels[index] = None
        session.mask &= ~(1 << index)
        status = 3
    elif status == 3:
        session.channels[index] = [hz, hz, low, high]
        session.mask |= 1 << index
    link.changed = link.changed or status == 3
    return bytes((status,))


def _rx_timing(session, region, link, body):
    session.rx_delay = body[0] & 15 or 1
    link.changed = True
    return b""


def _tx_param(session, region, link, body):
    return None  # regions without dwell limits stay silent (RP002-1.0.3); those that answer bring their own row


def _dl_channel(session, region, link, body):
    hz = _hz(body, 1)
    exists = body[0] < len(session.channels) and session.channels[body[0]] is not None
    status = (2 if exists else 0) | (1 if region.tunable(hz) else 0)
    if status == 3:
        session.channels[body[0]][1] = hz
        link.changed = True
    return bytes((status,))


# CID: bytes after it in the request, bytes of the whole answer (0 = none), repeated until a downlink comes, who does it
_COMMANDS = {
    LINK_CHECK: (2, 0, False, _link_check),
    _LINK_ADR: (4, 2, False, None),
    _DUTY_CYCLE: (1, 1, False, _duty_cycle),
    _RX_PARAM: (4, 2, True, _rx_param),
    _DEV_STATUS: (0, 3, False, _dev_status),
    _NEW_CHANNEL: (5, 2, False, _new_channel),
    _RX_TIMING: (1, 1, True, _rx_timing),
    _TX_PARAM: (1, 0, True, _tx_param),
    _DL_CHANNEL: (4, 2, True, _dl_channel),
    DEVICE_TIME: (5, 0, False, _device_time),
}


def process(session, region, link, data):
    """Carries out the MAC commands of one downlink; answers go to `session.answers`, findings to `link`."""
    at = 0
    while at < len(data):
        row = _COMMANDS.get(data[at])
        if row is None or at + 1 + row[0] > len(data):
            return
        end = at + 1 + row[0]
        if data[at] == _LINK_ADR:
            while end + 5 <= len(data) and data[end] == _LINK_ADR:
                end += 5
            count = (end - at) // 5
            if len(session.answers) + 2 * count > ANSWERS:
                return
            status = _link_adr(session, region, link, data[at:end])
            session.answers += bytes((_LINK_ADR, status)) * count
        else:
            if len(session.answers) + row[1] > ANSWERS:
                return
            answer = row[3](session, region, link, data[at + 1 : end])
            if answer is not None:
                session.answers.append(data[at])
                session.answers += answer
        at = end


def sticky(answers):
    """Those answers that go into every uplink until a downlink arrives (sections 5.4, 5.7, 5.8, 5.10)."""
    out = bytearray()
    at = 0
    while at < len(answers):
        row = _COMMANDS[answers[at]]
        if row[2]:
            out += answers[at : at + row[1]]
        at += row[1]
    return out


def fitting(answers, room):
    """Number of leading bytes of `answers` that are whole commands and fit into `room`."""
    at = 0
    while at < len(answers) and at + _COMMANDS[answers[at]][1] <= room:
        at += _COMMANDS[answers[at]][1]
    return at
