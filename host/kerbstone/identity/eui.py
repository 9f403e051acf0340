"""EUI-64s from blocks one owns. IEEE Std 802-2014, 8.2; IEEE RA "Guidelines for use of EUI", 2017; LoRa Alliance TR007."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from kerbstone.books.tables import blocks
from kerbstone.errors import IdentityError

_BITS = 64
_SIZES = {24: "MA-L", 28: "MA-M", 36: "MA-S"}
_LOCAL, _GROUP = 0x02, 0x01  # in the first byte: locally administered, and for groups


@dataclass(frozen=True)
class Block:
    """`prefix` in hexadecimal digits; the rest of the EUI-64 is counted."""

    prefix: str

    @property
    def local(self) -> bool:
        """Nobody owns it: for trials alone."""
        return bool(int(self.prefix[:2], 16) & _LOCAL)

    @property
    def size(self) -> int:
        return 1 << (_BITS - 4 * len(self.prefix))

    def eui(self, number: int) -> str:
        """The EUI-64 of a number, 16 digits. Raises IdentityError when the block has no more."""
        if number >= self.size:
            raise IdentityError(f"The block {self.prefix} is used up after {self.size} devices: add another block.")
        return f"{self.prefix}{number:0{16 - len(self.prefix)}x}"


def parse_block(text: str, local: bool = False) -> Block:
    """A block by its prefix: 6, 7 or 9 digits (MA-L, MA-M, MA-S), or more where a part of one is used.

    `local` says that it is meant to be locally administered. Raises IdentityError.
    """
    prefix = text.strip().lower().replace("-", "").replace(":", "")
    if not prefix or any(c not in "0123456789abcdef" for c in prefix) or not 6 <= len(prefix) <= 14:
        sizes = ", ".join(f"{bits // 4} ({name})" for bits, name in _SIZES.items())
        raise IdentityError(f"{text!r} is no block of EUI-64s: give its first hexadecimal digits, {sizes}, or up to 14.")
    if int(prefix[:2], 16) & _GROUP:
        raise IdentityError(f"The block {prefix} has the group bit set, which no device's EUI has: correct its first byte.")
    if Block(prefix).local != local:
        if local:
            raise IdentityError(f"The block {prefix} is not locally administered: its second bit from the right must be set, as in 02.")
        raise IdentityError(f"The block {prefix} is locally administered: nobody owns it; say --local, and use it for trials alone.")
    return Block(prefix)


def add_block(connection: Connection, block: Block, first: int = 0) -> None:
    """Enters a block. Raises IdentityError when it overlaps one in the books."""
    for (prefix,) in connection.execute(select(blocks.c.prefix)):
        if prefix.startswith(block.prefix) or block.prefix.startswith(prefix):
            raise IdentityError(f"The block {block.prefix} overlaps {prefix}, which the books have already: two devices would get one EUI.")
    connection.execute(insert(blocks), {"prefix": block.prefix, "next": str(first), "local": block.local})


def take(connection: Connection, count: int, production: bool) -> list[str]:
    """The next `count` EUI-64s, never given before. Raises IdentityError when no block allows it."""
    rows = connection.execute(select(blocks).order_by(blocks.c.local, blocks.c.prefix)).all()
    if not rows:
        raise IdentityError("The books have no block of EUI-64s: `kerbstone identity block PREFIX` adds the one you own.")
    usable = [row for row in rows if not (production and row.local)]
    if not usable:
        raise IdentityError("Only locally administered EUIs are left, and a production batch may not have them: add a block you own.")
    for row in usable:
        block, first = Block(row.prefix), int(row.next)
        if first + count <= block.size:
            connection.execute(update(blocks).where(blocks.c.prefix == row.prefix).values(next=str(first + count)))
            return [block.eui(first + i) for i in range(count)]
    raise IdentityError(f"No block has {count} EUI-64s left: add another, or plan fewer devices.")


def parse_eui(text: str, what: str) -> str:
    """16 lower-case digits. Raises IdentityError that names what it is."""
    digits = text.strip().lower().replace("-", "").replace(":", "")
    if len(digits) != 16 or any(c not in "0123456789abcdef" for c in digits):
        raise IdentityError(f"{what} {text!r} is no EUI-64: it has 16 hexadecimal digits.")
    return digits
