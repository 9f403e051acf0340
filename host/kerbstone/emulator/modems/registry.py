"""Which virtual modem stands for which chip of a board file."""

from __future__ import annotations

from kerbstone.build.files import nearest
from kerbstone.emulator.modems.bc66 import Bc66
from kerbstone.emulator.modems.bc660k import Bc660k
from kerbstone.emulator.modems.bg95 import Bg95
from kerbstone.emulator.modems.modem import Modem
from kerbstone.emulator.modems.sara_r4 import SaraR4
from kerbstone.emulator.modems.sara_r5 import SaraR5
from kerbstone.emulator.modems.sim7020 import Sim7020
from kerbstone.emulator.modems.sim7080 import Sim7080
from kerbstone.errors import EngineError

CHIPS: dict[str, type[Modem]] = {
    "SIM7080G": Sim7080, "SIM7070G": Sim7080, "SIM7020C": Sim7020, "SIM7020E": Sim7020, "SIM7020G": Sim7020, "BC660K": Bc660k,
    "BC66": Bc66, "BG95": Bg95, "BG77": Bg95, "SARA-R410M": SaraR4, "SARA-R500S": SaraR5, "SARA-R510S": SaraR5,
}  # fmt: skip


def modem_class(chip: str) -> type[Modem]:
    """Raises EngineError for a chip nobody emulates."""
    if chip not in CHIPS:
        raise EngineError(f"There is no virtual modem for chip {chip!r}; {nearest(chip, list(CHIPS))} `[modem] chip` of the board file.")
    return CHIPS[chip]
