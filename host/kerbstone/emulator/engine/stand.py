"""The beginning that all boots of one board share, computed once: from the mount of the flash to the first thing a boot has of its own.

A `Stand` is an interpreter that has booted, with the real files from the real flash, up to the point where it asks the board for
anything, or for what only this boot has (why it woke, the time, its random seed). There it waits and is copied, once a wake. A copy is
in the very state in which a boot of its own would be there: that computation had the greeting and the bytes it read from the flash as
its only inputs. So a stand holds as long as both are the same; every boot compares them, byte for byte.

The mount alone looks at all folders, also at those that change with every report. Where only these have changed, the copy mounts the
flash once more: what the file system then knows is what a boot would have learnt.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from struct import unpack

from kerbstone.emulator.engine import ops
from kerbstone.emulator.engine.process import Process, Zygote, order_fork, start
from kerbstone.emulator.flash import Flash

_DESCRIPTORS = 8  # of a stand: standard streams, link, flash, orders, and what its parent keeps. More: a file is open
_LONGEST_REST = 64  # boots without a stand after several that did not pay


Greeting = tuple[int, bytes]  # us since the reset, what all boots of the board have in common
Reads = dict[tuple[int, int], bytes]  # (block, offset) -> what was there


def _same(reads: Reads, flash: Flash) -> bool:
    return all(flash.read(*at, len(was)) == was for at, was in reads.items())


class Stand:
    """Waits where boots diverge.

    `reads`: what it took from the flash for the mount and after it; `printed`: what it wrote to the console.
    """

    def __init__(self, greeting: Greeting, process: Process, orders: socket.socket, reads: tuple[Reads, Reads], printed: bytes):
        self.printed = printed
        self.served = 0
        self._greeting = greeting
        self._process = process
        self._orders = orders
        self._mount, self._files = reads

    def holds(self, greeting: Greeting, flash: Flash) -> bool:
        """A boot with this greeting from this flash would come to the same point in the same state, but for the mount."""
        return greeting == self._greeting and _same(self._files, flash)

    def mounted(self, flash: Flash) -> bool:
        """The mount, too, would find what it found."""
        return _same(self._mount, flash)

    def fork(self, flash_fd: int, console_fd: int) -> Process:
        """A boot that goes on from here; it waits to be told what is its own."""
        self.served += 1
        if self.printed:
            os.write(console_fd, self.printed)
        return start(lambda link: order_fork(self._orders, b"boot", [link, flash_fd, console_fd], self._process.pid))

    def close(self) -> None:
        self._process.kill()
        self._orders.close()


class Boots:
    """The boots of one board: from a stand where that pays, else from the port's start."""

    def __init__(self, zygote: Zygote, argv: list[str], shims: Path, flash: Flash, console_fd: int):
        self._zygote = zygote
        self._argv = argv
        self._shims = shims
        self._flash = flash
        self._console_fd = console_fd
        self._stand: Stand | None = None
        self._last: Greeting | None = None  # greeting of the boot before
        self._rest = 0  # boots to go without a new stand
        self._pause = 1

    def boot(self, now_us: int, common: bytes, own: bytes) -> Process:
        """A process that has had its greeting: `common` and `own` are JSON objects; `now_us` after the reset."""
        greeting = (now_us, common)
        if self._stand and not self._stand.holds(greeting, self._flash):
            self._drop(self._stand)
        if not self._stand and self._zygote.warm and greeting == self._last:
            # The second boot of a kind: there will be more.
            if self._rest:
                self._rest -= 1
            else:
                self._stand = self._make(greeting)
        self._last = greeting
        if self._stand:
            process = self._stand.fork(self._flash.fileno(), self._console_fd)
            process.reply(0, 0, 0, now_us, b'%s, "remount": %s}' % (own[:-1], b"false" if self._stand.mounted(self._flash) else b"true"))
        else:
            process = self._zygote.boot(self._argv, self._shims, self._flash.fileno(), self._console_fd)
            process.reply(0, 0, 0, now_us, common[:-1] + b"," + own[1:])
        return process

    def _drop(self, stand: Stand) -> None:
        """A stand that served one boot only was in vain; where that repeats itself, new ones come ever more rarely."""
        self._pause = 1 if stand.served > 1 else min(2 * self._pause, _LONGEST_REST)
        self._rest = self._pause - 1
        stand.close()
        self._stand = None

    def _make(self, greeting: Greeting) -> Stand | None:
        """None: this beginning cannot be copied, or does not end."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(30)
        printed = os.memfd_create("console")
        try:
            with theirs:
                process = self._zygote.boot(self._argv, self._shims, self._flash.fileno(), printed, theirs.fileno())
            process.reply(0, 0, 0, *greeting)
            reads = self._follow(process)
            if reads is not None and len(os.listdir(f"/proc/{process.pid}/fd")) <= _DESCRIPTORS:
                return Stand(greeting, process, ours, reads, os.pread(printed, os.fstat(printed).st_size, 0))
        finally:
            os.close(printed)
        process.kill()
        ours.close()
        self._rest = self._pause = _LONGEST_REST
        return None

    def _follow(self, process: Process) -> tuple[Reads, Reads] | None:
        """What the beginning reads from the flash, for the mount and after it; None: it writes to it as well, or does not end."""
        found: tuple[Reads, Reads] = {}, {}
        while True:
            try:
                request = process.receive()
            except TimeoutError:
                return None
            if request is None:
                return None
            op, a, block, _, data = request
            if op == ops.DIVERGE:
                return None if a else found
            offset, size = unpack("<II", data)
            reads = found[0 if a else 1]
            if size > len(reads.get((block, offset), b"")):
                reads[block, offset] = self._flash.read(block, offset, size)

    def close(self) -> None:
        if self._stand:
            self._stand.close()
            self._stand = None
