"""Which virtual modem stands for which chip of a board file."""

from __future__ import annotations

from kerbstone.build.files import nearest
from kerbstone.emulator.modems.modem import Modem
from kerbstone.emulator.modems.sim7080 import Sim7080
from kerbstone.errors import EngineError

CHIPS: dict[str, type[Modem]] = {"SIM7080G": Sim7080, "SIM7070G": Sim7080}


def modem_class(chip: str) -> type[Modem]:
    """Raises EngineError for a chip nobody emulates."""
    if chip not in CHIPS:
        raise EngineError(f"There is no virtual modem for chip {chip!r}; {nearest(chip, list(CHIPS))} `[modem] chip` of the board file.")
    return CHIPS[chip]
