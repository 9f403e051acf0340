"""The radio side of a cell."""
from __future__ import annotations
from typing import Any
from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.pathloss import PathLoss
class RadioCell:
    def __init__(self, kernel: Any, seed: int, start_utc: int):
        self.channel=Channel(kernel, PathLoss(seed))
        self.uplinks: dict[str, Any]={}
    def register(self, r: Any) -> None: ...
    def start(self) -> None: ...
    def close(self) -> None: ...
