"""What devices say of updates: messages of the profile `update`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from kerbstone.codec.batch import split
from kerbstone.codec.decode import decode
from kerbstone.codec.layout import read_head
from kerbstone.codec.model import Profile
from kerbstone.codec.profile import load_profile
from kerbstone.errors import CodecError

RECEIVING = "receiving"
_NUMBERS = ("update_number", "bundle", "fragments", "fragments_wanted")


@dataclass(frozen=True)
class Report:
    """`bundle`, `had` and `wanted` are None where no fragments are counted; `sequence` where the manifest could not be trusted.

    `old`: one that is repeated; it is no news of how far a device is.
    """

    state: str
    reason: str
    sequence: int | None
    bundle: int | None
    had: int | None
    wanted: int | None
    old: bool = False


@cache
def _profile() -> Profile:
    return load_profile("update")


def reports(payload: bytes) -> list[Report]:
    """Those in a frame, in order; none in one that cannot be read."""
    found = []
    try:
        for message in split(payload):
            if read_head(message).number == _profile().number:
                told = decode(_profile(), message)
                number, name, had, wanted = (_whole(told.values.get(key)) for key in _NUMBERS)
                state, reason = str(told.values["update_state"]), str(told.values["update_reason"])
                found.append(Report(state, reason, number, name, had, wanted, told.repeat))
    except (CodecError, KeyError):
        return found
    return found


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
