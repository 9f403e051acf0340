"""The PIN of a SIM card (TS 27.007 8.3): entered when the card asks for it, and never again once the card has refused it.

Three wrong ones block a card, so what came of a PIN is on flash before it could be tried anew: a code of the PIN and a byte, 0 once it was
right, 255 once it was wrong, else the tries whose end nobody saw. Two of those are the most.
"""

from time import sleep_ms, ticks_diff, ticks_ms

from micropython import const

from kerb.errors import ConfigError, ModemError, UplinkError
from kerb.prove import hmac

_PLACE = "pin"
_CODE = const(4)
_RIGHT, _WRONG = const(0), const(255)
_TRIES = const(2)
_BUSY_MS = const(5000)  # a card is read some time after the modem answers
_ENTER_MS = const(10000)


def unlock(modem, identity, store):
    """Has the card ready, or raises UplinkError with what to do. ConfigError for a PIN that is none; OSError: flash takes no note, so
    nothing was tried.
    """
    state = _state(modem.at)
    if state == "READY":
        return
    if state != "SIM PIN":
        raise UplinkError("SIM card says %s: put it into a phone to see what it wants" % (state or "nothing"))
    pin = identity.get("sim_pin")
    if not pin:
        raise UplinkError("SIM card asks for its PIN: put sim_pin into the identity, or switch the PIN off in a phone")
    if not (pin.isdigit() and 4 <= len(pin) <= 8):
        raise ConfigError("identity key sim_pin is not 4 to 8 digits: provision the device again")
    code = hmac(_key(identity), b"sim pin " + pin.encode())[:_CODE]
    kept = store.get(_PLACE) or b""
    tries = kept[_CODE] if kept[:_CODE] == code and len(kept) > _CODE else None
    if tries is not None and tries >= _TRIES:
        raise UplinkError("SIM card has refused the PIN of this device: provision another, it is not tried again")
    if tries != _RIGHT:
        store.put(_PLACE, code + bytes([(tries or 0) + 1]))
    try:
        modem.at.ask('+CPIN="%s"' % pin, limit_ms=_ENTER_MS)
    except ModemError as error:
        if error.cause != "refused":
            raise
        store.put(_PLACE, code + bytes([_WRONG]))
        raise UplinkError("SIM card refuses the PIN of this device: provision another, it is not tried again")
    if tries != _RIGHT:
        store.put(_PLACE, code + bytes([_RIGHT]))


def _key(identity):
    """Of the code, which alone would tell four digits."""
    try:
        return identity.key("device_key")
    except ConfigError:
        return identity.get("device_id").encode()


def _state(at):
    """What the card says once it can be asked; "" when it never can."""
    began = ticks_ms()
    while True:
        try:
            lines = at.ask("+CPIN?", "+CPIN:")
            if lines:
                return lines[-1][6:].strip()
        except ModemError as error:
            if error.cause != "refused":
                raise
        if ticks_diff(ticks_ms(), began) > _BUSY_MS:
            return ""
        sleep_ms(500)
