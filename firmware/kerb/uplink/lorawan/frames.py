"""Building and reading PHYPayload (LoRaWAN 1.0.4 section 4): bytes in, bytes out, no state.

Numbers are integers; EUIs are 8 bytes in the order they are printed (most significant first).
"""

from struct import pack, unpack_from

from micropython import const

from . import crypto

_JOIN_REQUEST = const(0x00)
_JOIN_ACCEPT = const(0x20)
_UNCONFIRMED_UP = const(0x40)
_UNCONFIRMED_DOWN = const(0x60)
_CONFIRMED_UP = const(0x80)
_CONFIRMED_DOWN = const(0xA0)

_DOWN = const(1)
_FHDR = const(8)  # MHDR, DevAddr, FCtrl, FCnt
_MIC = const(4)


def join_request(keys, dev_nonce):
    """The 23 bytes of a join request; `keys` = (DevEUI, JoinEUI, AppKey)."""
    dev_eui, join_eui, app_key = keys
    message = bytes((_JOIN_REQUEST,)) + bytes(reversed(dev_eui + join_eui)) + dev_nonce.to_bytes(2, "little")
    return message + crypto.cmac(app_key, message)[:_MIC]


def join_accept(app_key, phy):
    """(JoinNonce, NetID, DevAddr, RX1DROffset, DR of RX2, RxDelay s, CFList of 16 bytes or none), or None when the frame is not a join
    accept or its MIC is wrong."""
    if len(phy) not in (17, 33) or phy[0] != _JOIN_ACCEPT:
        return None
    clear = crypto.open_join_accept(app_key, phy[1:])
    if crypto.cmac(app_key, phy[:1] + clear[:-_MIC])[:_MIC] != clear[-_MIC:]:
        return None
    low, high, net_low, net_high, dev_addr, settings, delay = unpack_from("<HBHBIBB", clear)
    numbers = low | high << 16, net_low | net_high << 16, dev_addr
    return numbers + (settings >> 4 & 7, settings & 15, delay & 15 or 1, clear[12:-_MIC])


def data_up(keys, dev_addr, fcnt, control, fopts, port, payload, confirmed):
    """An uplink. `keys` = (NwkSKey, AppSKey); `port` None means no FPort and no payload; port 0 carries MAC commands."""
    kind = _CONFIRMED_UP if confirmed else _UNCONFIRMED_UP
    frame = bytearray(pack("<BIBH", kind, dev_addr, control | len(fopts), fcnt & 0xFFFF) + fopts)
    if port is not None:
        frame.append(port)
        frame += crypto.crypt(keys[1 if port else 0], 0, dev_addr, fcnt, payload)
    return frame + crypto.data_mic(keys[0], 0, dev_addr, fcnt, frame)


def data_down(keys, dev_addr, fcnt_next, phy):
    """(confirmed, FCtrl, FCnt, FOpts, port, payload) of a downlink for this device, or None; port None: it has no payload.

    `fcnt_next` is the lowest counter still acceptable (32 bits); the 16 bits on air are completed upwards from it, so an
    old frame gets a counter it was not signed with and fails its MIC. FOpts together with FPort 0 is refused (section 5).
    """
    size = len(phy) - _MIC
    if size < _FHDR or phy[0] not in (_UNCONFIRMED_DOWN, _CONFIRMED_DOWN):
        return None
    address, control, low = unpack_from("<IBH", phy, 1)
    body = _FHDR + (control & 15)
    if address != dev_addr or body > size:
        return None
    fcnt = (fcnt_next & ~0xFFFF) | low
    if fcnt < fcnt_next:
        fcnt += 0x10000
    if fcnt >> 32 or crypto.data_mic(keys[0], _DOWN, dev_addr, fcnt, phy[:size]) != phy[size:]:
        return None
    fopts, port, payload = phy[_FHDR:body], None, b""
    if body < size:
        port = phy[body]
        if not port and fopts:
            return None
        payload = bytes(crypto.crypt(keys[1 if port else 0], _DOWN, dev_addr, fcnt, phy[body + 1 : size]))
    return phy[0] == _CONFIRMED_DOWN, control, fcnt, fopts, port, payload
