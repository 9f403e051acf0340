"""What the radio drivers share: waiting for the chip's interrupt, the end of a transmission, listening before talk, wiring."""

import time

from micropython import const

from kerb.errors import RadioError

LATE_US = const(2000)  # a TX-done noted later than this after its computed time was slept through
SLACK_MS = const(20)  # added to a computed time before the chip counts as stuck


class Lora:
    """A radio as the MAC sees it: configure_tx, transmit, receive, clear, standby, sleep, `wake_ms`, `idle_ms`. A driver brings what
    stands here without a body, and those that are not here."""

    NAME = "radio"

    def __init__(self):
        self._tick = 0
        self._fired = False
        self.idle_ms = time.sleep_ms  # waits of a known transmission; the owner may put a light sleep here

    def standby(self):
        raise NotImplementedError

    def _tune(self, freq_hz, dr_row):
        """Carrier and data rate; `dr_row` starts with SF and bandwidth in Hz."""
        raise NotImplementedError

    def _signalled(self):
        """True once the chip has something to report."""
        raise NotImplementedError

    def _transmitted(self):
        """The report is that of a finished transmission."""
        raise NotImplementedError

    def _hear(self):
        """Receives until told otherwise."""
        raise NotImplementedError

    def _level(self):
        """dBm on the carrier, while it receives."""
        raise NotImplementedError

    def _on_irq(self, pin):
        if not self._fired:
            self._tick = time.ticks_us()
            self._fired = True

    def _happened(self, limit_ms):
        """Waits for a report; the tick (us) it came at, or None when `limit_ms` ran out."""
        start = time.ticks_ms()
        while not self._signalled():
            if time.ticks_diff(time.ticks_ms(), start) > limit_ms:
                return None
            time.sleep_ms(1)
        return self._tick if self._fired else time.ticks_us()

    def _sent(self, size, air_us):
        """Waits for the end of a transmission that starts now; the tick (us) at which the last symbol left."""
        due = time.ticks_add(time.ticks_us(), air_us)
        air_ms = air_us // 1000
        if air_ms > SLACK_MS:
            self.idle_ms(air_ms - 5)
        tick = self._happened(2 * SLACK_MS + 5)
        if tick is None or not self._transmitted():
            self.standby()
            raise RadioError("%s did not finish sending %d bytes: check the supply of the radio" % (self.NAME, size))
        return due if time.ticks_diff(tick, due) > LATE_US else tick

    def _wait_until(self, at_us):
        """Returns at the tick `at_us`; at once without one."""
        left = 0 if at_us is None else 1
        while left > 0:
            left = time.ticks_diff(at_us, time.ticks_us())
            if left > 2000:
                time.sleep_ms(left // 1000 - 1)

    def clear(self, freq_hz, dr_row, limit_dbm, ms):
        """Listen before talk: True when nothing above `limit_dbm` was on the carrier for `ms`. Ends in standby."""
        self.standby()
        self._tune(freq_hz, dr_row)
        self._hear()
        free = True
        while free and ms >= 0:
            time.sleep_ms(1)  # also lets the receiver settle before the first look
            free = self._level() <= limit_dbm
            ms -= 1
        self.standby()
        return free


def wired(table, inputs):
    """(SPI, pins) of the radio table of node.json: spi id, pin numbers sck mosi miso cs reset [rxen], and the `inputs` it has."""
    from machine import SPI, Pin

    sck, mosi, miso = [Pin(table[name]) for name in ("sck", "mosi", "miso")]
    spi = SPI(table["spi"], baudrate=table.get("baudrate", 8000000), sck=sck, mosi=mosi, miso=miso)
    pins = {name: Pin(table[name], Pin.IN) for name in inputs if table.get(name) is not None}
    for name, level in (("cs", 1), ("reset", 1), ("rxen", 0)):
        if table.get(name) is not None:
            pins[name] = Pin(table[name], Pin.OUT, value=level)
    if "pmu" in table:
        from kerb.radio.pmu import switch_on

        switch_on(table["pmu"])
    for supply in table.get("enable", ()):  # front ends, antenna switches, a TCXO: on before the radio is reset
        Pin(supply["pin"], Pin.OUT, value=supply["level"])
    return spi, pins
