"""Commands of the virtual SX1262 that answer (data sheet DS.SX1261-2.W.APP Rev 2.1, chapter 13), as one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kerbstone.emulator.parts.sx1262_registers import RANDOM

if TYPE_CHECKING:
    from kerbstone.emulator.parts.sx1262 import Sx1262


def _read_register(chip: Sx1262, frame: bytes, k: int) -> int:
    address = (frame[1] << 8 | frame[2]) + k
    if RANDOM <= address < RANDOM + 4 and k == 0:
        chip.config.registers.renew_random(chip.rng)
    return chip.config.registers[address]


def _half_db(rssi_dbm: float) -> int:
    return max(0, min(255, round(-2 * rssi_dbm)))


def _packet_status(chip: Sx1262, _frame: bytes, k: int) -> int:
    snr = max(-128, min(127, round(chip.config.last.snr_db * 4))) & 255
    return (_half_db(chip.config.last.packet_rssi_dbm), snr, _half_db(chip.config.last.rssi_dbm))[k] if k < 3 else 0


def _of(value: Callable[[Sx1262], bytes]) -> Callable[[Sx1262, bytes, int], int]:
    def byte(chip: Sx1262, _frame: bytes, k: int) -> int:
        data = value(chip)
        return data[k] if k < len(data) else 0

    return byte


class Read(NamedTuple):
    """A command that answers: bytes clocked in before the answer (opcode, arguments, status), and the k-th byte of the answer."""

    lead: int
    byte: Callable[[Sx1262, bytes, int], int]


READS: dict[int, Read] = {
    0x11: Read(2, _of(lambda chip: bytes([1 if chip.config.lora else 0]))),
    0x12: Read(2, _of(lambda chip: chip.config.irq.to_bytes(2, "big"))),
    0x13: Read(2, _of(lambda chip: bytes([chip.config.rx_size, chip.config.rx_start]))),
    0x14: Read(2, _packet_status),
    0x15: Read(2, _of(lambda chip: bytes([_half_db(chip.front.rssi_now())]))),
    0x17: Read(2, _of(lambda chip: chip.config.errors.to_bytes(2, "big"))),
    0x1D: Read(4, _read_register),
    0x1E: Read(3, lambda chip, frame, k: chip.config.buffer[(frame[1] + k) & 255]),
    0xC0: Read(2, _of(lambda chip: b"")),
}
