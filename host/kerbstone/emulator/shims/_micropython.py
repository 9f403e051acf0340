"""`micropython` for a board with a person at its console: which byte interrupts a program is the program's choice, also after the flash."""

import _link
import micropython
from micropython import *  # noqa: F403


def kbd_intr(code):
    """Ctrl-C is 3; -1: nothing interrupts."""
    _link.break_key = code
    _link.ask("kbd_intr", code)
    micropython.kbd_intr(code)
