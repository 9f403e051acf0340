"""A warm interpreter: stands at the end of the port's start-up, before the first request, and forks there once a boot.

Run as a plain script (`python -I -S warm.py FD SILENCE WHEEL_DIR CWD ARG...`). The interpreter runs in this process up to the point
where it reads its greeting from descriptor 3: here SILENCE, a pipe that stays empty and ends with the emulator. SIGUSR1 says that an
order waits on FD: the descriptors of link, flash and console. The handler puts the three where the interpreter expects them and forks;
the child returns, and the read goes on, now on the link. So what every boot has in common (the interpreter's own start, the port's
modules) is computed once, and everything that may differ comes after the fork. No order comes before the script has said that it is
about to read: the handler interrupts nothing.

A fourth descriptor makes the child a parent in its turn: it gets its orders there, once it waits for what is its own (stand.py).

Every page that is touched around the fork is paid for twice, so this imports the bare C modules only.
"""

import posix
import sys
from _signal import SIG_IGN, SIGCHLD, SIGUSR1, signal  # type: ignore[import-not-found]
from _socket import CMSG_SPACE, socket

_LINK, _FLASH, _CONSOLE, _ERRORS = 3, 4, 1, 2
_PLACES = (_LINK, _FLASH, _CONSOLE)
_PARK = 100  # descriptors from this one on are ours; here orders come in
_READY, _SILENCE = _PARK + 1, _PARK + 2
_FD_BYTES = 4


def answer(control: socket) -> None:
    """Serves one order; returns in parent and child."""
    order, ancillary, _, _ = control.recvmsg(16, CMSG_SPACE((len(_PLACES) + 1) * _FD_BYTES))
    if not order:
        return
    raw = ancillary[0][2]
    fds = [int.from_bytes(raw[i : i + _FD_BYTES], sys.byteorder) for i in range(0, len(raw), _FD_BYTES)]
    for fd, target in zip(fds, _PLACES, strict=False):
        posix.dup2(fd, target)
        posix.close(fd)
    posix.dup2(_CONSOLE, _ERRORS)
    pid = posix.fork()
    own = fds[len(_PLACES) :]
    if not pid:
        for fd in own:
            posix.dup2(fd, _PARK)
            posix.close(fd)
        return
    for fd in own:
        posix.close(fd)
    posix.dup2(_SILENCE, _LINK)
    control.send(b"%d" % pid)


def _clear(fd: int) -> int:
    """The same file under a number that is not one of ours: who started this may have had a hundred open."""
    while _PARK <= fd <= _SILENCE:
        fd = posix.dup(fd)
    return fd


def main() -> None:
    fd, silence = _clear(int(sys.argv[1])), _clear(int(sys.argv[2]))
    wheel_dir, cwd, argv = sys.argv[3], sys.argv[4], sys.argv[5:]
    sys.path.append(wheel_dir)
    from _ctypes import FUNCFLAG_CDECL, CFuncPtr, _SimpleCData, dlopen, dlsym

    import micropython_run

    class Int(_SimpleCData):
        _type_ = "i"

    class Pointer(_SimpleCData):
        _type_ = "P"

    class Handler(CFuncPtr):
        _flags_ = FUNCFLAG_CDECL
        _restype_ = None
        _argtypes_ = (Int,)

    class Signal(CFuncPtr):
        _flags_ = FUNCFLAG_CDECL
        _restype_ = Pointer
        _argtypes_ = (Int, Handler)

    control = socket(fileno=posix.dup2(fd, _PARK, inheritable=False))
    posix.dup2(silence, _SILENCE, inheritable=False)
    posix.dup2(silence, _LINK)
    posix.dup2(control.fileno(), _READY, inheritable=False)
    posix.closerange(_FLASH, _PARK)
    posix.dup2(posix.open("/dev/null", posix.O_RDWR), _FLASH)
    posix.closerange(_FLASH + 1, _PARK)
    posix.chdir(cwd)
    handler = Handler(lambda _number: answer(control))
    signal(SIGCHLD, SIG_IGN)
    # Not Python's own signal(): its handlers wait for byte code, and the interpreter's read is none.
    Signal(dlsym(dlopen(None, 0), "signal"))(SIGUSR1, handler)  # type: ignore[arg-type]
    # The script itself says when it is about to read: its last argument is where to.
    micropython_run.run_main([*argv, str(_READY)])
    posix._exit(0)


if __name__ == "__main__":
    main()
