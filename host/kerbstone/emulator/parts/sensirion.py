"""What Sensirion's I2C parts share: 16-bit commands, arguments and answers in words with CRC, an execution time that refuses transfers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext
from kerbstone.emulator.parts.sht4x import crc8, words

__all__ = ["SensirionPart", "words"]


class SensirionPart(I2CPart):
    """`COMMANDS`: code -> (method, execution time in us). A method takes the argument words, returns the answer, or raises Nack.

    `fault`: "nack" (no answer), "crc" (one bit of each answer is wrong); a part may know more.
    """

    COMMANDS: ClassVar[dict[int, tuple[Callable[..., bytes], int]]] = {}

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self.free_at = 0
        self.answer = b""

    def i2c_write(self, data: bytes) -> None:
        if self.fault == "nack" or self.kernel.now < self.free_at or len(data) < 2:
            raise Nack
        self.answer = b""
        row = self.COMMANDS.get(data[0] << 8 | data[1])
        if row is None:
            raise Nack
        method, us = row
        self.answer = method(self, *_arguments(data[2:]))
        self.free_at = self.kernel.now + us

    def i2c_read(self, count: int) -> bytes:
        if self.fault == "nack" or self.kernel.now < self.free_at or not self.answer:
            raise Nack
        answer = self.answer
        if self.fault == "crc":
            answer = bytes((answer[0] ^ 0x04,)) + answer[1:]
        return answer[:count].ljust(count, b"\xff")

    def option(self, name: str, default: Any) -> Any:
        return self.ctx.options.get(name, default)


def _arguments(data: bytes) -> list[int]:
    if len(data) % 3:
        raise Nack
    triplets = [data[i : i + 3] for i in range(0, len(data), 3)]
    if any(crc8(triplet[:2]) != triplet[2] for triplet in triplets):
        raise Nack
    return [triplet[0] << 8 | triplet[1] for triplet in triplets]
