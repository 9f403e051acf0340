"""Every pin of a board: its label, who has it, what it can do."""

from __future__ import annotations

from dataclasses import dataclass

from kerbstone.build.board import BoardFile
from kerbstone.build.chips import CHIPS
from kerbstone.build.wiring import fixed_pins
from kerbstone.emulator.board.limits import LIMITS


@dataclass(frozen=True)
class Pin:
    """One GPIO. `uses`: keys of the board file and reasons; `can`: words such as "wake", "ADC", "strap"."""

    number: int
    names: tuple[str, ...]
    uses: tuple[str, ...]
    can: tuple[str, ...]


def pin_map(board: BoardFile) -> list[Pin]:
    """All pins of the chip, in order."""
    chip = CHIPS[board.mcu]
    uses: dict[int, list[str]] = {}
    for key, pin in fixed_pins(board):
        uses.setdefault(pin, []).append(key)
    for reason, pins in board.reserved.items():
        for pin in pins:
            uses.setdefault(pin, []).append(reason)
    for pin in chip.memory:
        uses.setdefault(pin, []).append("flash")
    abilities = (
        ("wake", LIMITS[board.mcu].ext0_pins), ("ADC", chip.adc_with_wifi), ("ADC without Wi-Fi", chip.adc - chip.adc_with_wifi),
        ("strap", chip.strapping), ("input only", chip.input_only),
    )
    return [
        Pin(
            number, tuple(name for name, pin in board.pin_names.items() if pin == number), tuple(uses.get(number, ())),
            tuple(word for word, pins in abilities if number in pins),
        )
        for number in sorted(chip.pins)
    ]
