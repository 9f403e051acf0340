"""The rail of a power chip (X-Powers AXP192, AXP2101) that feeds the radio: off after power-on, kept on over deep sleep."""

import time

from micropython import const

from kerb.errors import RadioError

_ID = const(0x03)
_START_MS = const(10)  # of the radio, once it has its supply


def switch_on(table):
    """`table`: I2C id, sda, scl, addr, and `rails`: for each issue of the board [chip id, enable register, bit, voltage register, mask,
    code] (host/kerbstone/build/pmu.py). RadioError when the chip does not answer or is none of these."""
    from machine import I2C, Pin

    bus, address = I2C(table["id"], sda=Pin(table["sda"]), scl=Pin(table["scl"])), table["addr"]

    def change(register, mask, code):
        old = bus.readfrom_mem(address, register, 1)[0]
        if old & mask != code:
            bus.writeto_mem(address, register, bytes((old & ~mask & 255 | code,)))
            return True
        return False

    try:
        kind = bus.readfrom_mem(address, _ID, 1)[0]
        for chip, enable, bit, voltage, mask, code in table["rails"]:
            if chip == kind:
                change(voltage, mask, code)  # first: it must not begin with another
                if change(enable, bit, bit):
                    time.sleep_ms(_START_MS)
                return
    except OSError as error:
        raise RadioError("the power chip of the radio at 0x%02x does not answer: %s" % (address, error))
    raise RadioError("the power chip of the radio at 0x%02x has the id 0x%02x: choose the board file of this issue" % (address, kind))
