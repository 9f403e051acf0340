"""Faults on demand: one catalogue, used by the command line, by scenario files and by tests."""

from kerbstone.emulator.faults import repeat
from kerbstone.emulator.faults.parse import fault, load_scenario, read_word

__all__ = ["fault", "load_scenario", "read_word", "repeat"]
