"""An SNTP server of the emulated network (RFC 5905, mode 4 answers), true to the virtual clock."""

from __future__ import annotations

from struct import pack

_1900_TO_1970 = 2_208_988_800


def answer(query: bytes, utc_us: int) -> bytes:
    """The 48-byte answer to a mode 3 query, or nothing to anything else."""
    if len(query) < 48 or query[0] & 7 != 3:
        return b""
    seconds, us = divmod(utc_us, 1_000_000)
    stamp = pack(">II", (seconds + _1900_TO_1970) & 0xFFFFFFFF, (us << 32) // 1_000_000)
    # Leap 0, version of the query, mode 4; stratum 2; precision 2**-20 s; root delay and dispersion 1 ms.
    head = bytes([query[0] & 0x38 | 4, 2, 6, 0xEC]) + pack(">II", 66, 66) + b"KERB"
    return head + stamp + query[40:48] + stamp + stamp
