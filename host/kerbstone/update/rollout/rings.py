"""Who is in which ring: shares of all devices that grow, or files that name the devices."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from kerbstone.errors import UpdateError

_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,3})?) ?%")
_LONGEST = 64  # letters of a device id
_HOW = "write shares that grow, such as 1%,10%,100%, or files of device ids before them"


def read_ids(path: Path) -> list[str]:
    """Device ids of a file, one a line; # begins a remark. Raises UpdateError."""
    try:
        lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise UpdateError(f"{path} cannot be read ({error.strerror}): name a file with one device id a line.") from error
    except UnicodeDecodeError as error:
        raise UpdateError(f"{path} is no text: name a file with one device id a line.") from error
    found = [line for line in lines if line]
    for one in found:
        if len(one) > _LONGEST or any(letter in one for letter in " +#/"):
            raise UpdateError(f"{path}: {one[:_LONGEST]!r} is no device id: at most {_LONGEST} letters, without blanks, +, # and /.")
    if len(set(found)) != len(found):
        twice = next(one for one in found if found.count(one) > 1)
        raise UpdateError(f"{path} names {twice} twice: a device gets an update once.")
    return found


def labels(text: str) -> list[str]:
    """The rings of "1%,10%,100%", by themselves. Raises UpdateError when they are no rings: shares grow, and stand behind files."""
    words = [word.strip() for word in text.split(",")]
    last, shares = 0.0, False
    for word in words:
        match = _SHARE.fullmatch(word)
        if match:
            share = float(match.group(1))
            if not last < share <= 100:
                raise UpdateError(f"Ring {word} does not fit, its share must be above {last:g} % and at most 100 %: {_HOW}.")
            last, shares = share, True
        elif not word or shares or word.endswith("%"):
            raise UpdateError(f"{word!r} is no ring: {_HOW}.")
    return words


def assign(devices: Sequence[str], rings: Sequence[str], salt: bytes, named: dict[str, list[str]] | None = None) -> dict[str, int]:
    """{device: ring}, for those that are in one.

    Named rings (`named`: their devices) are taken out first; shares count all devices, the named ones among them, and are drawn by the
    SHA-256 of `salt` and id: the same at each call, other devices with each roll-out. A ring has one device at least while there are any.
    Raises UpdateError when a ring would be empty, or names a device that is not there or in another.
    """
    found: dict[str, int] = {}
    known = set(devices)
    for ring, word in enumerate(rings):
        for device in (named or {}).get(word, []):
            if device not in known:
                raise UpdateError(f"Ring {word} names {device}, which is not among the devices of this roll-out.")
            if device in found:
                raise UpdateError(f"Ring {word} names {device}, which is in another ring already.")
            found[device] = ring
    rest = sorted(known - found.keys(), key=lambda device: hashlib.sha256(salt + device.encode()).digest())
    for ring, word in enumerate(rings):
        if match := _SHARE.fullmatch(word):
            # In thousandths of a percent, so that the number of devices is exact.
            wanted = -(-len(known) * round(float(match.group(1)) * 1000) // 100_000)
            count = max(wanted - len(found), 1)
            found |= dict.fromkeys(rest[:count], ring)
            rest = rest[count:]
    if empty := next((word for ring, word in enumerate(rings) if ring not in found.values()), None):
        raise UpdateError(f"Ring {empty} has no device, there are {len(known)} in all: ask for fewer rings.")
    return found
