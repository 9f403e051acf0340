# boot.py of a production board: the start of boot.py and main.py as `stage1` and `stage2`, and no way from it to a prompt.
#
# It never ends. The port lets Ctrl-C interrupt each start file anew, and opens a USB console only after boot.py; so all there is runs from
# here, deaf from the first statement on, and whatever goes wrong is slept on and followed by a reset.
try:
    import micropython

    micropython.kbd_intr(-1)
    import os

    try:
        os.dupterm(None)  # a second console, such as WebREPL
    except (AttributeError, IndexError, OSError):
        pass
    import stage1  # type: ignore[import-not-found]  # noqa: F401
    import stage2  # type: ignore[import-not-found]  # noqa: F401
except BaseException as error:
    micropython.kbd_intr(-1)
    import sys

    sys.print_exception(error)
finally:
    import machine

    machine.deepsleep(60000)
