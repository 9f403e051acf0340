"""`rp2`: the country of the Wi-Fi chip and the BOOTSEL button."""

import _link

_country = "XX"


def country(code=None):
    global _country
    if code is None:
        return _country
    _country = code


def bootsel_button():
    return 0


if _link.hello["port"] != "rp2":
    raise ImportError("no module named 'rp2'")
