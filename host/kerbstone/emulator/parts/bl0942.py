"""Virtual BL0942 energy meter on the lamp's supply: packet, registers with write protection, 24-bit energy counter (V1.06)."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.base import PartContext, UartPart

_READ, _WRITE, _PACKET = 0x58, 0xA8, 0xAA
_I_RMS, _V_RMS, _I_FAST, _WATT, _CF_CNT, _FREQ, _STATUS = 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09
_WA_CREEP, _MODE, _SOFT_RESET, _PROTECT = 0x14, 0x19, 0x1C, 0x1D
# Writable registers and their reset values (register table).
_DEFAULTS = {0x12: 0, _WA_CREEP: 0x0B, 0x15: 0xFFFF, 0x16: 0x01, 0x17: 0x03, 0x18: 0x24, _MODE: 0x87, 0x1A: 0x02, _PROTECT: 0}
_CLEAR_ON_READ, _SIGNED = 0x40, 0x80  # bits of MODE: CF_CNT_CLR_SEL; CF_CNT_ADD_SEL, 0 = signed sum
_FRAME_GAP_US = 20_000  # an unfinished command is forgotten after this pause
_LONGEST_STEP_US = 60_000_000  # a site need not announce what its actuators do
_NOISE = 0.001  # of reading: linearity over the dynamic range

# Counts a volt and an ampere in the example circuit of the data sheet (1 mohm; 5 x 390 kohm over 510 ohm; Vref 1.218 V).
_VREF = 1.218
_UREF = 73_989 * 0.51 * 1000 / (_VREF * 1950.51)
_IREF = 305_978 / _VREF


class Bl0942(UartPart):
    """Reads lamp_power_w, lamp_pf, mains_v and, where the site has it, mains_hz (else 50).

    Options: `addr` (0); `uref`, `iref`, `pref`, `eref` = what this unit really counts a V, A, W and kWh; `swapped` (current leads
    reversed). `fault`: "silent", "checksum", "truncated". `counts` is the energy counter before it is cut to 24 bits.
    """

    baud = 4800
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "on": 3_000.0,  # 10 mW typical at 3.3 V
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        options = ctx.options
        self.fault = str(options.get("fault", ""))
        self._address = int(options.get("addr", 0))
        self._uref = float(options.get("uref", _UREF))
        self._iref = float(options.get("iref", _IREF))
        # P = V I: 3537 counts at the inputs where V_RMS is 73989 and I_RMS 305978; a CF pulse is 1638.4 * 256 watt counts a second.
        self._pref = float(options.get("pref", self._uref * self._iref * 3537 / (305_978 * 73_989)))
        self._eref = float(options.get("eref", self._pref * 3.6e6 / (1638.4 * 256)))
        self._sign = -1 if options.get("swapped") else 1
        self.power_on()

    def power_on(self) -> None:
        """Reset state: registers and energy counter start over."""
        self.counts = 0.0
        self._registers = dict(_DEFAULTS)
        self._settled = self.kernel.now
        self._heard = b""
        self._heard_at = self.kernel.now
        self.state("on")

    def uart_write(self, data: bytes) -> None:
        now = self.kernel.now
        if now - self._heard_at > _FRAME_GAP_US:
            self._heard = b""
        self._heard_at = now
        self._heard += data
        while self._heard:
            used = self._command(self._heard)
            if not used:
                return
            self._heard = self._heard[used:]

    def _command(self, heard: bytes) -> int:
        """Carries out the command at the start of `heard`; how many bytes it had, 0 if more must come."""
        head = heard[0]
        if head == _READ | self._address:
            if len(heard) < 2:
                return 0
            self._reply(self._packet() if heard[1] == _PACKET else self._register(heard[1]))
            return 2
        if head == _WRITE | self._address:
            if len(heard) < 6:
                return 0
            if sum(heard[:6]) & 0xFF == 0xFF:
                self._store(heard[1], int.from_bytes(heard[2:5], "little"))
            return 6
        return 1  # for another address, or noise

    def _reply(self, frame: bytes) -> None:
        if self.fault == "checksum":
            frame = frame[:-1] + bytes((frame[-1] ^ 0x01,))
        if self.fault == "truncated":
            frame = frame[:15]
        if self.fault != "silent":
            self.send(frame)

    def _store(self, register: int, value: int) -> None:
        if register == _SOFT_RESET and value == 0x5A5A5A:
            self.power_on()
        elif register == _PROTECT or (self._registers[_PROTECT] == 0x55 and register in _DEFAULTS):
            self._settle()
            self._registers[register] = value

    def _register(self, register: int) -> bytes:
        value = self._registers.get(register)
        if value is None:
            value = self._measured().get(register, 0)
        body = (value & 0xFFFFFF).to_bytes(3, "little")
        return body + bytes((~(_READ + self._address + register + sum(body)) & 0xFF,))

    def _packet(self) -> bytes:
        m = self._measured()
        fields = b"".join((m[r] & 0xFFFFFF).to_bytes(3, "little") for r in (_I_RMS, _V_RMS, _I_FAST, _WATT, _CF_CNT))
        frame = b"\x55" + fields + m[_FREQ].to_bytes(2, "little") + bytes((0, m[_STATUS], 0, 0))
        return frame + bytes((~(_READ + self._address + sum(frame)) & 0xFF,))

    def _measured(self) -> dict[int, int]:
        """The read-only registers now."""
        self._settle()
        volt = self.read("mains_v") * self._noisy()
        watt = self.read("lamp_power_w") * self._noisy()
        amp = watt / (volt * self.read("lamp_pf")) if watt and volt else 0.0
        counts = round(watt * self._pref) * self._sign
        if abs(counts) < self._creep:
            counts = 0
        current = round(amp * self._iref)
        count = int(self.counts) & 0xFFFFFF
        if self._registers[_MODE] & _CLEAR_ON_READ:
            self.counts -= int(self.counts)
        return {
            _I_RMS: current,
            _V_RMS: round(volt * self._uref),
            _I_FAST: current,
            _WATT: counts,
            _CF_CNT: count,
            _FREQ: round(1e6 / self._hertz()) if volt else 0,
            _STATUS: int(counts < 0),
        }

    def _settle(self) -> None:
        """Counts the energy since the last time, from change to change, so it costs nothing while nobody asks."""
        now, t = self.kernel.now, self._settled
        sign = 1 if self._registers[_MODE] & _SIGNED else self._sign
        while t < now:
            until = min(now, t + _LONGEST_STEP_US, max(self.site.next_change(t), t + 1))
            watt = self.site.read("lamp_power_w", t)
            if watt * self._pref >= self._creep:
                self.counts += sign * watt / 1000 * (until - t) / 3.6e9 * self._eref
            t = until
        self._settled = now

    @property
    def _creep(self) -> int:
        """Watt counts below which the chip takes the power for zero: WA_CREEP in steps of 3125/256."""
        return self._registers[_WA_CREEP] * 3125 // 256

    def _noisy(self) -> float:
        return 1.0 + self.rng.gauss(0.0, _NOISE / 3)

    def _hertz(self) -> float:
        try:
            return self.read("mains_hz")
        except KeyError:  # a site without the quantity has ideal mains
            return 50.0


PART = Bl0942
