"""One DALI-2 control gear with D4i memory banks: IEC 62386-102:2014, DiiA parts 251..253 v1.1.

Left out: fading (levels change at once), groups above what addressing needs, device types beyond 6 (LED).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerbstone.emulator.parts.dali import Dali

_MASK, _YES = 255, 255
_PHYSICAL_MINIMUM = 126  # 3 %
_TWICE_US = 100_000
_INITIALISE_US = 15 * 60 * 1_000_000
_LONGEST_STEP_US = 60_000_000  # a site need not announce what its actuators do
_LATCH, _LOCK_AT = 0xAA, 2
_BANKS = (0, 1, 202, 203, 205, 206)
_DTR = {0xA3: 0, 0xC3: 1, 0xC5: 2}


def light(level: int) -> float:
    """Share of full light at a level: 62386-102, 9.3."""
    return float(10 ** (3 * (level - 1) / 253 - 3)) if level else 0.0


class Gear:
    """State of one gear. `lamp`: it drives the site's lamp."""

    def __init__(self, part: Dali, address: int, lamp: bool):
        self.part = part
        self.lamp = lamp
        self.short: int | None = address
        self.power_on_level = self.failure_level = 254
        self.minimum, self.maximum = _PHYSICAL_MINIMUM, 254
        self.groups: set[int] = set()
        self.scenes = [_MASK] * 16
        self.random = 0xFFFFFF
        self.energy_wh = 0.0
        self._settled = part.kernel.now

    def power_on(self) -> None:
        """Mains came: the volatile part starts over, the lamp takes POWER ON LEVEL."""
        self.dtr = [0, 0, 0]
        self.search = 0xFFFFFF
        self.initialised_until = 0
        self.withdrawn = self.write_enabled = False
        self.power_cycled = True
        self._before: tuple[int, int] | None = None
        self._latched: dict[int, bytes] = {}
        self.actual = 0
        self._go(self.power_on_level)

    def bus_failed(self) -> None:
        """The bus has been down for half a second."""
        self._go(self.failure_level)

    def _go(self, level: int) -> None:
        if level == _MASK:
            return
        self._settle()
        self.actual = 0 if level == 0 else min(max(level, self.minimum), self.maximum)
        if self.lamp:
            shown = 1.0 if self.part.fault == "stuck" else 0.0 if self.part.fault == "lamp" else light(self.actual)
            self.part.site.act("dim_level", shown, self.part.kernel.now)

    # -- frames -----------------------------------------------------------------------------------------------------

    def frame(self, data: int, bits: int) -> int | None:
        """Carries out a forward frame; the answer, or None."""
        if bits != 16:
            return None  # for control devices
        first, second = data >> 8, data & 0xFF
        before, now = self._before, self.part.kernel.now
        self._before = (data, now)
        twice = before is not None and before[0] == data and now - before[1] <= _TWICE_US
        if first & 1 and 0xA1 <= first <= 0xFB:
            return self._special(first, second, twice)
        if not self._for_me(first):
            return None
        if not first & 1:
            self.write_enabled = False
            self._go(second)
            self.power_cycled = False
            return None
        if 0x20 <= second <= 0x81:
            if twice:
                self._before = None
                self._configure(second)
            return None
        if second == 0xC5:
            return self._read_memory()
        self.write_enabled = False
        if second >= 0x90:
            return self._query(second)
        self._act(second)
        return None

    def _for_me(self, first: int) -> bool:
        if first >= 0xFE:
            return True
        if first >= 0xFC:
            return self.short is None
        if first & 0x80:
            return first >> 1 & 15 in self.groups
        return self.short == first >> 1

    def _act(self, command: int) -> None:
        self.power_cycled = False
        if command == 0x00:
            self._go(0)
        elif command == 0x05:
            self._go(self.maximum)
        elif command == 0x06:
            self._go(self.minimum)
        elif 0x10 <= command < 0x20:
            self._go(self.scenes[command & 15])

    def _configure(self, command: int) -> None:
        value = self.dtr[0]
        self.write_enabled = command == 0x81
        if command == 0x20:
            self.power_on_level = self.failure_level = 254
            self.minimum, self.maximum, self.groups, self.scenes = _PHYSICAL_MINIMUM, 254, set(), [_MASK] * 16
        elif command == 0x21:
            self.dtr[0] = self.actual
        elif command == 0x2A:
            self.maximum = min(max(value, self.minimum), 254)
        elif command == 0x2B:
            self.minimum = min(max(value, _PHYSICAL_MINIMUM), self.maximum)
        elif command == 0x2C:
            self.failure_level = value
        elif command == 0x2D:
            self.power_on_level = value
        elif 0x40 <= command < 0x60:
            self.scenes[command & 15] = value if command < 0x50 else _MASK
        elif 0x60 <= command < 0x80:
            (self.groups.add if command < 0x70 else self.groups.discard)(command & 15)
        elif command == 0x80:
            self.short = None if value == _MASK else value >> 1

    def _query(self, command: int) -> int | None:
        failed = self.part.fault == "lamp"
        lit = bool(self.actual) and not failed
        status = (failed << 1) | (lit << 2) | ((self.short is None) << 6) | (self.power_cycled << 7)
        numbers = {
            0x90: status, 0x97: 8, 0x98: self.dtr[0], 0x99: 6, 0x9A: _PHYSICAL_MINIMUM, 0x9C: self.dtr[1], 0x9D: self.dtr[2], 0x9E: 0,
            0xA0: self.actual, 0xA1: self.maximum, 0xA2: self.minimum, 0xA3: self.power_on_level, 0xA4: self.failure_level, 0xA5: 7,
            0xC0: sum(1 << g for g in self.groups if g < 8), 0xC1: sum(1 << g - 8 for g in self.groups if g >= 8),
            0xC2: self.random >> 16, 0xC3: self.random >> 8 & 255, 0xC4: self.random & 255,
        }  # fmt: skip
        if command in numbers:
            return numbers[command]
        if 0xB0 <= command < 0xC0:
            return self.scenes[command & 15]
        yes = {0x91: True, 0x92: failed, 0x93: lit, 0x96: self.short is None, 0x9B: self.power_cycled}
        return _YES if yes.get(command) else None

    def _special(self, first: int, value: int, twice: bool) -> int | None:
        now = self.part.kernel.now
        if first in _DTR:
            self.dtr[_DTR[first]] = value
            return None
        if first in (0xC7, 0xC9):
            return self._write_memory(value, first == 0xC7)
        self.write_enabled = False
        if first == 0xA5:
            if twice and (value == 0 or (value == 0xFF and self.short is None) or (self.short is not None and value >> 1 == self.short)):
                self.initialised_until, self.withdrawn = now + _INITIALISE_US, False
            return None
        if first == 0xA1:
            self.initialised_until = 0
        if now >= self.initialised_until:
            return None
        if first == 0xA7 and twice:
            self.random = self.part.rng.getrandbits(24)
        elif first == 0xA9:
            return _YES if not self.withdrawn and self.random <= self.search else None
        elif first == 0xAB:
            self.withdrawn |= self.random == self.search
        elif first in (0xB1, 0xB3, 0xB5):
            shift = {0xB1: 16, 0xB3: 8, 0xB5: 0}[first]
            self.search = self.search & ~(0xFF << shift) | value << shift
        elif first == 0xB7 and self.random == self.search:
            self.short = None if value == _MASK else value >> 1
        elif first == 0xB9:
            return _YES if self.short is not None and value >> 1 == self.short else None
        elif first == 0xBB and self.random == self.search:
            return _MASK if self.short is None else self.short << 1 | 1
        return None

    # -- memory -----------------------------------------------------------------------------------------------------

    def _read_memory(self) -> int | None:
        bank, at = self.dtr[1], self.dtr[0]
        if bank not in _BANKS:
            return None
        content = self._latched.get(bank) or self.bank(bank)
        self.dtr[0] = min(at + 1, 255)
        return content[at] if at < len(content) else None

    def _write_memory(self, value: int, answers: bool) -> int | None:
        bank, at = self.dtr[1], self.dtr[0]
        if not self.write_enabled or bank not in _BANKS or at != _LOCK_AT:
            return None
        if value == _LATCH:
            self._latched[bank] = self.bank(bank)
        else:
            self._latched.pop(bank, None)
        self.dtr[0] += 1
        return value if answers else None

    def bank(self, number: int) -> bytes:
        """The bank's content now."""
        self._settle()
        volt, watt, factor = (self._read(q) for q in ("mains_v", "lamp_power_w", "lamp_pf"))
        head = bytes((0, 0xFF, 0xFF, 1))
        if number == 0:
            body = head[:2] + bytes((206,)) + bytes(6) + b"\x01\x00" + bytes(8) + b"\x01\x00\x08\x08\x00\x00\x01\x00"
        elif number == 1:
            body = head[:3] + b"\xff" * 14 + b"\x00\x03" + b"\xff" * 16 + bytes(0x78 - 0x23)
        elif number in (202, 203):
            share = 1.0 if number == 202 else 1 / max(factor, 0.01)
            # Energy in watt-hours, power in tenths of a watt.
            body = head + b"\x00" + _field(int(self.energy_wh * share), 6) + b"\xff" + _field(watt * share * 10, 4)
        elif number == 205:
            body = head + (self.part.kernel.now // 1_000_000).to_bytes(4, "big") + (1).to_bytes(3, "big")
            body += _field(volt * 10, 2) + bytes((50, min(round(factor * 100), 100))) + bytes(12)
            body += bytes((min(max(round(self._read("temp_c")) + 60, 0), 253), round(100 * light(self.actual))))
        else:
            failed = int(self.part.fault == "lamp")
            body = head + bytes(3) + bytes(3) + bytes(8) + (400).to_bytes(2, "big") + _field(watt / 40 * 1000, 2)
            body += bytes((failed, failed, 0, 0, failed, failed, 0, 0, 0, 0, min(max(round(self._read("temp_c")) + 60, 0), 253)))
        return bytes((len(body) - 1,)) + body[1:]

    def _read(self, quantity: str) -> float:
        try:
            return self.part.read(quantity)
        except KeyError:  # a site without it
            return 0.0

    def _settle(self) -> None:
        """Counts the energy since the last time, from change to change."""
        site, now, t = self.part.site, self.part.kernel.now, self._settled
        while self.lamp and t < now:
            until = min(now, t + _LONGEST_STEP_US, max(site.next_change(t), t + 1))
            self.energy_wh += site.read("lamp_power_w", t) * (until - t) / 3.6e9
            t = until
        self._settled = now


def _field(value: float, size: int) -> bytes:
    """Big endian, and held at the greatest number: the two above it say that the gear does not know."""
    return min(round(value), (1 << 8 * size) - 3).to_bytes(size, "big")
