"""Belling BL0942 mains energy meter on a UART (data sheet V1.06).

Bus: 4800 baud 8N1 (SCLK_BPS low), address 0..3 from pins A1 and A2. Current: 3.0 mA at 3.3 V; it never sleeps and resets below 2.7 V.
Options: `addr` (0); `mains_hz` (50 or 60); calibration of the unit, register counts a volt, ampere, watt and kWh: `uref`, `iref`,
`pref`, `eref`. The defaults follow from the data sheet's formulas for its example circuit: 1 mohm shunt, 5 x 390 kohm over 510 ohm,
Vref 1.218 V. Give `uref` and `iref` alone and the other two follow from them.
"""

import time

from micropython import const

from kerb.drivers.framing import Framer
from kerb.drivers.meter import SMALLEST_VA, Meter, power_factor
from kerb.errors import SensorError
from kerb.quality import GOOD, SUSPECT

_READ = const(0x58)  # | address
_WRITE = const(0xA8)
_PACKET = const(0xAA)  # all measurements
_SIZE = const(23)
_HEAD = const(0x55)
_MODE = const(0x19)
_WRITE_PROTECT = const(0x1D)
_UNLOCK = const(0x55)
_MODE_50HZ = const(0x87)  # the reset value: pulses on, CF_CNT counts |energy| and is not cleared by reading
_MODE_60HZ = const(0xA7)

# Offsets in the packet; three bytes each, least significant first, FREQ two.
_I_RMS = const(1)
_V_RMS = const(4)
_WATT = const(10)  # signed
_CF_CNT = const(13)
_FREQ = const(16)

_UREF = 15883.3  # 73989 / 1.218 * 510 / 1950.51 (ohm over kohm: the formula wants millivolts)
_IREF = 251213.5  # 305978 / 1.218
_PREF_UNIT = 1.562348e-07  # 3537 / (305978 * 73989), counts a watt over uref * iref
_EREF_UNIT = 8.583068  # 3.6e6 / (1638.4 * 256), counts a kWh over counts a watt

# The counter goes back for two reasons. It wraps (24 bits) a little above the top, or the chip was reset and counts from 0.
# 65,536 counts are at least 12 kWh, more than a lamp uses between two readings, so a larger step means a reset.
_WRAP_LIMIT = const(0x10000)

_TRIES = const(2)
_POLL_MS = const(5)
_TIMEOUT_MS = const(150)  # the packet takes 48 ms at 4800 baud


def uint24(buf, at):
    """The unsigned 24-bit value at offset `at`."""
    return buf[at] | buf[at + 1] << 8 | buf[at + 2] << 16


def packet_ok(buf, address):
    """True if the 23 bytes have the right head and checksum for this chip address."""
    total = _READ | address
    for i in range(22):
        total += buf[i]
    return buf[0] == _HEAD and buf[22] == (~total & 0xFF)


def convert(buf, uref, iref, pref):
    """(V, A, W, Hz or None) of a packet; watts are negative when the current leads are swapped."""
    watt = uint24(buf, _WATT)
    if watt & 0x800000:
        watt -= 0x1000000
    freq = buf[_FREQ] | buf[_FREQ + 1] << 8
    return uint24(buf, _V_RMS) / uref, uint24(buf, _I_RMS) / iref, watt / pref, 1000000 / freq if freq else None


def counted(last, count):
    """Energy counts since the last reading, across the wrap of the 24-bit counter or a reset of the chip."""
    step = (count - last) & 0xFFFFFF
    return step if step < _WRAP_LIMIT else count


class BL0942(Meter):
    """Voltage, current, active power, energy, power factor (None below 1 VA) and frequency (None without zero crossings)."""

    WARM_UP_MS = 0  # it measures all the time
    QUANTITIES = ("volt_v", "current_a", "power_w", "energy_kwh", "power_factor", "mains_hz")

    def __init__(self, bus, options):
        self._bus = bus
        self._address = options.get("addr", 0)
        super().__init__("bl0942", "UART", options)
        self._uref = options.get("uref", _UREF)
        self._iref = options.get("iref", _IREF)
        self._pref = options.get("pref") or self._uref * self._iref * _PREF_UNIT
        self._milli_eref = int((options.get("eref") or self._pref * _EREF_UNIT) * 1000 + 0.5)
        self._command = bytearray(2)
        self._framer = Framer(self._probe, _SIZE)
        self._packet = bytearray(_SIZE)
        self._register = bytearray(4)
        self._result = {"quality": GOOD}
        self._last = None
        self._set_mode(_MODE_60HZ if options.get("mains_hz", 50) == 60 else _MODE_50HZ)

    def measure(self, env):
        """Asks for one packet (about 55 ms); asks again once if its checksum is wrong."""
        packet = self._packet
        for _ in range(_TRIES):
            self._command_to(_PACKET)
            if self._framer.wait(self._bus, _TIMEOUT_MS):
                break
            if self._framer.seen < _SIZE:
                raise self._short(self._framer.seen, _SIZE)
        else:
            raise self._error("wrong checksum twice; check baud rate 4800 and the address")
        volt, amp, watt, hz = convert(packet, self._uref, self._iref, self._pref)
        self._count(uint24(packet, _CF_CNT))
        apparent = volt * amp
        result = self._result
        result["volt_v"] = volt
        result["current_a"] = amp
        result["power_w"] = watt
        result["energy_kwh"] = self.energy_wh / 1000
        result["power_factor"] = power_factor(watt, apparent)
        result["mains_hz"] = hz
        result["quality"] = SUSPECT if watt < -SMALLEST_VA else GOOD
        return result

    def _count(self, count):
        if self._last is not None:
            self._used(counted(self._last, count) * 1000000, self._milli_eref)
        self._last = count

    def _set_mode(self, mode):
        """Makes sure of the counting mode; also proves that a BL0942 with this address is there."""
        if self._get(_MODE) & 0xFF == mode:
            return
        self._put(_WRITE_PROTECT, _UNLOCK)
        self._put(_MODE, mode)
        self._put(_WRITE_PROTECT, 0)
        if self._get(_MODE) & 0xFF != mode:
            raise self._error("does not keep its mode register; check that it is a BL0942")

    def _get(self, register):
        reply = self._register
        for _ in range(_TRIES):
            self._ask(register, reply)
            if (_READ + self._address + register + sum(reply)) & 0xFF == 0xFF:
                return uint24(reply, 0)
        raise self._error("wrong checksum twice; check baud rate 4800 and the address")

    def _put(self, register, value):
        head = _WRITE | self._address
        self._bus.write(bytes((head, register, value, 0, 0, ~(head + register + value) & 0xFF)))
        # Six bytes take 13 ms on the wire, and the chip wants a pause between frames.
        time.sleep_ms(20)

    def _probe(self, buf, at, have):
        """For the Framer; the packet is in self._packet then.

        The sum alone takes one in 256 windows of noise for one; the spare bytes are always 0, and mains have 45..65 Hz or none.
        """
        if buf[at] != _HEAD:
            return 0
        if have < _SIZE:
            return _SIZE
        packet = self._packet
        packet[:] = buf[at : at + _SIZE]
        period = packet[_FREQ] | packet[_FREQ + 1] << 8
        spare = packet[18] | packet[20] | packet[21]
        return _SIZE if packet_ok(packet, self._address) and not spare and (not period or 15000 < period < 22500) else 0

    def _command_to(self, register):
        """Asks for a register, or the packet; what was received before is no answer."""
        self._framer.drain(self._bus)
        self._command[0] = _READ | self._address
        self._command[1] = register
        self._bus.write(self._command)

    def _ask(self, register, reply):
        bus = self._bus
        self._command_to(register)
        waited = 0
        while bus.any() < len(reply):
            if waited >= _TIMEOUT_MS:
                raise self._short(bus.any(), len(reply))
            time.sleep_ms(_POLL_MS)
            waited += _POLL_MS
        bus.readinto(reply)

    def _short(self, got, wanted):
        return self._error("%d of %d bytes after %d ms; check wiring and mains supply" % (got, wanted, _TIMEOUT_MS))

    def _error(self, cause):
        return SensorError(self._name, self._where, cause)
