"""Virtual Modbus RTU slave: any register map, fed by the site (MODBUS over Serial Line V1.02, Application Protocol V1.1b3)."""

from __future__ import annotations

from struct import pack
from typing import Any, ClassVar

from kerbstone.emulator.parts.base import PartContext, UartPart
from kerbstone.emulator.parts.modbus_maps import MAPS

_FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}
_RANGES = {
    "int16": (-(1 << 15), (1 << 15) - 1), "uint16": (0, (1 << 16) - 1), "int32": (-(1 << 31), (1 << 31) - 1), "uint32": (0, (1 << 32) - 1),
}
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_TURNAROUND_US = 5_000  # slave's own time before it answers; typical, not confirmed
_FIXED = 8  # bytes of a request of functions 1 to 6


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS by table of nibbles, so that it shares nothing with the firmware's."""
    crc = 0xFFFF
    for byte in data:
        for nibble in (byte & 15, byte >> 4):
            crc = crc >> 4 ^ _NIBBLES[(crc ^ nibble) & 15]
    return crc


_NIBBLES = (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401, 0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
)


class Modbus(UartPart):
    """Options: `unit` (1); `model` of modbus_maps, or `map`: rows [function, register, kind, quantity, counts a unit].

    `order` (ABCD) is how 32-bit values lie on the wire. Holding registers and coils of the map can be written; a written one keeps
    what was written. Line "de": the transceiver's driver must be on while a request leaves and off when the answer comes.
    `fault`: "silent", "crc", "truncated", "busy" (exception 6), "unit" (another address answers), "lying" (integers at the end of
    their range, floats not a number).
    """

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "on": 0.0,  # fed by what it measures
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        options = ctx.options
        line = options.get("uart", {})
        self.baud = int(line.get("baud", 9600))
        self.framing = (line.get("bits", 8), line.get("parity"), line.get("stop", 1))
        self.fault = str(options.get("fault", ""))
        self.unit = int(options.get("unit", 1))
        self._order = str(options.get("order", "ABCD"))
        rows = options.get("map") or MAPS[str(options.get("model", "sdm230"))]
        self._rows: dict[tuple[int, int], tuple[str, str, float]] = {(row[0], row[1]): (row[2], row[3], row[4]) for row in rows}
        self.written: dict[tuple[int, int], int] = {}
        self.requests = 0
        self._heard = b""
        self._heard_at = 0
        self.power_on()

    def power_on(self) -> None:
        self.state("on")

    def uart_write(self, data: bytes) -> None:
        driver = self.line("de")
        if driver and not driver.level:
            return  # the transceiver was not sending
        # A pause of 3.5 characters ends a frame; `data` began len(data) characters ago.
        if self.kernel.now - len(data) * self._character_us - self._heard_at > 3.5 * self._character_us:
            self._heard = b""
        self._heard_at = self.kernel.now
        self._heard += data
        size = self._size(self._heard)
        if size and len(self._heard) >= size:
            frame, self._heard = self._heard[:size], b""
            self._frame(frame)

    @property
    def _character_us(self) -> float:
        return 11e6 / self.baud

    @staticmethod
    def _size(heard: bytes) -> int:
        """Bytes of the request that begins so; 0 = cannot tell yet."""
        if len(heard) < 2 or (heard[1] in (15, 16) and len(heard) < 7):
            return 0
        return 9 + heard[6] if heard[1] in (15, 16) else _FIXED

    def _frame(self, frame: bytes) -> None:
        if frame[0] not in (self.unit, 0) or crc16(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
            return
        self.requests += 1
        function = frame[1]
        try:
            body = bytes((function,)) + self._answer(function, frame)
            if self.fault == "busy":
                raise _Refused(6)
        except _Refused as refused:
            body = bytes((function | 0x80, refused.code))
        if frame[0]:
            self._reply(bytes((self.unit,)) + body)

    def _reply(self, frame: bytes) -> None:
        if self.fault == "unit":
            frame = bytes((self.unit + 1,)) + frame[1:]
        frame += crc16(frame).to_bytes(2, "little")
        if self.fault == "crc":
            frame = frame[:-1] + bytes((frame[-1] ^ 0x10,))
        if self.fault == "truncated":
            frame = frame[:-3]
        if self.fault != "silent":
            self.kernel.after(_TURNAROUND_US, self._speak, frame)

    def _speak(self, frame: bytes) -> None:
        driver = self.line("de")
        if not (driver and driver.level):  # else the master holds the line
            self.send(frame)

    def _answer(self, function: int, frame: bytes) -> bytes:
        address, count = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
        if function in (1, 2):
            return self._bits(function, address, count)
        if function in (3, 4):
            return self._registers(function, address, count)
        if function == 5:
            if count not in (0, 0xFF00):
                raise _Refused(_ILLEGAL_VALUE)
            self._store(1, address, int(count > 0))
        elif function == 6:
            self._store(3, address, count)
        elif function == 15:
            for i in range(count):
                self._store(1, address + i, frame[7 + i // 8] >> i % 8 & 1)
        elif function == 16:
            for i in range(count):
                self._store(3, address + i, int.from_bytes(frame[7 + 2 * i : 9 + 2 * i], "big"))
        else:
            raise _Refused(_ILLEGAL_FUNCTION)
        return frame[2:6]

    def _bits(self, function: int, address: int, count: int) -> bytes:
        if not 1 <= count <= 2000:
            raise _Refused(_ILLEGAL_VALUE)
        out = bytearray((count + 7) // 8)
        for i in range(count):
            out[i // 8] |= self._bit(function, address + i) << i % 8
        return bytes((len(out),)) + bytes(out)

    def _bit(self, function: int, address: int) -> int:
        if (function, address) in self.written:
            return self.written[function, address]
        if (function, address) not in self._rows:
            raise _Refused(_ILLEGAL_ADDRESS)
        return int(self.read(self._rows[function, address][1]) > 0.5)

    def _registers(self, function: int, address: int, count: int) -> bytes:
        if not 1 <= count <= 125:
            raise _Refused(_ILLEGAL_VALUE)
        image = {}
        for (owner, register), row in self._rows.items():
            if owner == function and address - 1 <= register < address + count:
                raw = self._raw(*row)
                for i in range(0, len(raw), 2):
                    image[register + i // 2] = raw[i : i + 2]
        image |= {a: v.to_bytes(2, "big") for (f, a), v in self.written.items() if f == function}
        wanted = range(address, address + count)
        if any(a not in image for a in wanted):
            raise _Refused(_ILLEGAL_ADDRESS)
        return bytes((2 * count,)) + b"".join(image[a] for a in wanted)

    def _raw(self, kind: str, quantity: str, per_unit: float) -> bytes:
        """The bytes of a value as they lie on the wire."""
        value: Any = self.read(quantity) * per_unit
        if kind != "float32":
            low, high = _RANGES[kind]
            value = high if self.fault == "lying" else max(low, min(high, round(value)))
        elif self.fault == "lying":
            value = float("nan")
        big = pack(_FORMATS[kind], value)
        if len(big) == 2:
            return big[::-1] if self._order[0] > self._order[1] else big
        return bytes(big[ord(letter) - ord("A")] for letter in self._order)

    def _store(self, function: int, address: int, value: int) -> None:
        known = any(f == function and r <= address < r + (2 if row[0].endswith("32") else 1) for (f, r), row in self._rows.items())
        if not known:
            raise _Refused(_ILLEGAL_ADDRESS)
        self.written[function, address] = value


class _Refused(Exception):
    def __init__(self, code: int):
        super().__init__(code)
        self.code = code


PART = Modbus
