"""The warm parent: imports the interpreter once, then forks one child a boot.

Run as a plain script (`python -I -S zygote.py FD SILENCE WHEEL_DIR BINARY`), so that a fork copies a small process.
A request is a JSON list, [argv, cwd], with the descriptors of link, flash and console; the answer is the child's pid.
A fourth descriptor is what the interpreter reads: the console of a board with a person at it.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable


def child(call: Callable[[list[str]], int] | None, binary: str, argv: list[str], cwd: str, fds: list[int]) -> None:
    """Becomes the interpreter: link on 3, flash image on 4, console on 1 and 2."""
    high = [os.dup2(fd, 200 + i) for i, fd in enumerate(fds)]
    typed = len(high) == 4
    for target, fd in zip((3, 4, 1, 0) if typed else (3, 4, 1), high, strict=True):
        os.dup2(fd, target, inheritable=True)
    os.dup2(1, 2)
    if typed:
        os.environ.pop("HOME", None)  # the prompt must not read or write the user's own history file
    else:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.closerange(5, 256)
    os.chdir(cwd)
    if binary:
        os.execv(binary, argv)
    if call:
        call(argv)
    os._exit(0)


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    os.close(int(sys.argv[2]))  # for warm.py
    wheel_dir, binary = sys.argv[3], sys.argv[4]
    call = None
    if not binary:
        sys.path.append(wheel_dir)
        import micropython_run

        call = micropython_run.run_main
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control.send(b"ready")
    while True:
        message, fds, _, _ = socket.recv_fds(control, 65536, 8)
        if not message:
            return
        argv, cwd = json.loads(message)
        pid = os.fork()
        if pid == 0:
            try:
                control.close()
                child(call, binary, argv, cwd, fds)
            finally:
                os._exit(111)
        for fd in fds:
            os.close(fd)
        control.send(str(pid).encode())


if __name__ == "__main__":
    main()
