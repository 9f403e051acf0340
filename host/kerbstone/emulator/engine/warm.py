"""A warm interpreter: stands at the end of the port's start-up, before the first request, and forks there once a boot.

Run as a plain script (`python -I -S warm.py FD WHEEL_DIR CWD ARG...`). The interpreter runs in this process up to the point where
it reads its greeting from descriptor 3, an empty pipe here. SIGUSR1 says that an order waits on FD: the descriptors of link, flash
and console. The handler forks; in the child it puts the three where the interpreter expects them and returns, and the read goes on,
now on the link. So what every boot has in common (the interpreter's own start, the port's modules) is computed once, and
everything that may differ comes after the fork. No order comes before the script has said that it is about to read: the handler
interrupts nothing.
"""

import ctypes
import os
import signal
import socket
import sys

_LINK, _FLASH, _CONSOLE = 3, 4, 1
_PARK = 100  # descriptors from this one on are ours
_READY = _PARK + 2


def answer(control: socket.socket) -> None:
    """Serves one order; the child returns with its descriptors in place."""
    order, fds, _, _ = socket.recv_fds(control, 16, 3)
    if not order:
        os._exit(0)
    pid = os.fork()
    if pid:
        for fd in fds:
            os.close(fd)
        control.send(b"%d" % pid)
        return
    for target, fd in zip((_LINK, _FLASH, _CONSOLE), fds, strict=True):
        os.dup2(fd, target)
        os.close(fd)
    os.dup2(_CONSOLE, 2)
    os.closerange(_PARK, _PARK + 8)


def main() -> None:
    fd, wheel_dir, cwd, argv = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
    sys.path.append(wheel_dir)
    import micropython_run

    control = socket.socket(fileno=os.dup2(fd, _PARK))
    silence, _held_open = os.pipe()
    os.dup2(_held_open, _PARK + 1)
    os.dup2(silence, _LINK)
    os.closerange(_FLASH, _PARK)
    os.chdir(cwd)
    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda _number: answer(control))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Not Python's own signal(): its handlers wait for byte code, and the interpreter's read is none.
    ctypes.CDLL(None).signal(signal.SIGUSR1, handler)
    # The script itself says when it is about to read: its last argument is where to.
    os.dup2(control.fileno(), _READY)
    micropython_run.run_main([*argv, str(_READY)])
    os._exit(0)


if __name__ == "__main__":
    main()
