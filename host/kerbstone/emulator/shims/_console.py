"""Start-up of a board with a person at its console: the start files run in the prompt's own name space, then the prompt comes."""

import io
import sys

import _link
import _micropython
import _vfs
import machine


def start(space):
    """Runs the files the board names; afterwards the interpreter goes to its prompt by itself (option -i)."""
    scripts = _link.hello["scripts"]
    sys.modules["vfs"] = _vfs
    sys.modules["micropython"] = _micropython
    space.clear()
    space["__name__"] = "__main__"
    try:
        for name in scripts:
            if not _run(name, space):
                break
    except KeyboardInterrupt:
        pass  # it came between two files
    while True:
        try:
            _link.ask("prompt")
            return
        except KeyboardInterrupt:
            pass


def _run(name, space):
    """False when the file failed: the ports then leave out what follows."""
    try:
        with open(name) as f:
            source = f.read()
    except OSError:
        return True
    try:
        code = compile(source, name, "exec")
        if name != "boot.py" or _link.hello["port"] == "esp32":
            _micropython.kbd_intr(3)  # each file anew
            _link.ask("console")  # from here on Ctrl-C is heard, once a file is compiled; the RP2 port begins with USB after boot.py
        exec(code, space)
        return True
    except SystemExit:
        machine.soft_reset()
    except BaseException as error:
        _show(error)
        if not isinstance(error, KeyboardInterrupt):
            _link.ask("crashed", str(type(error)), str(error))
    return False


def _show(error):
    """The traceback without the lines of this file, which no board has."""
    text = io.StringIO()
    sys.print_exception(error, text)
    for line in text.getvalue().rstrip("\n").split("\n"):
        if '"_console.py"' not in line:
            print(line)
