"""What a W25Q serial flash says of itself. Source: Winbond W25Q data sheets; JESD216 for the parameter table (SFDP)."""

from __future__ import annotations

WINBOND = 0xEF
W25Q = 0x40


def jedec_id(flash_bytes: int) -> bytes:
    """Maker, family, and capacity as a power of two."""
    return bytes((WINBOND, W25Q, flash_bytes.bit_length() - 1))


def parameters(flash_bytes: int) -> bytes:
    """SFDP: a header, the JEDEC table's header, the maker's; then the first two words of the JEDEC table."""
    basic_at = 0x80
    header = b"SFDP" + bytes((5, 1, 1, 0xFF))
    basic = bytes((0x00, 5, 1, 16)) + basic_at.to_bytes(3, "little") + b"\xff"
    maker = bytes((WINBOND, 0, 1, 0)) + basic_at.to_bytes(3, "little") + b"\xff"
    table = b"\xe5\x20\xf9\xff" + (flash_bytes * 8 - 1).to_bytes(4, "little")
    return (header + basic + maker).ljust(basic_at, b"\xff") + table


def command(opcode: int, address: int, flash_bytes: int) -> bytes:
    """The bytes the chip shifts out; none for commands that only change its state."""
    if opcode == 0x9F:
        return jedec_id(flash_bytes) + b"\0"
    if opcode == 0x5A:
        return parameters(flash_bytes)[address : address + 4].ljust(4, b"\xff")
    if opcode in (0x05, 0x35, 0x15):  # status registers 1 to 3: ready, nothing protected
        return bytes(4)
    return b""
