"""The thread that one virtual board lives in: its ports, its application, its timer."""

from __future__ import annotations

import os
import queue
import select
import threading
from collections.abc import Callable

from kerbstone.bench.esp.board import EspBoard, same_rate
from kerbstone.bench.ports import PtyPort, Rfc2217Port

Port = PtyPort | Rfc2217Port


class BoardThread:
    """Runs a board until `stop`. Other threads reach the board only through `call`."""

    def __init__(self, board: EspBoard, ports: list[Port]):
        self.board, self.ports = board, ports
        board.emit = self._emit
        self._calls: queue.SimpleQueue[tuple[Callable[[], object], threading.Event]] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        self._running = True
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="virtual board", daemon=True)
        self._thread.start()

    def call(self, action: Callable[[], object]) -> None:
        """Runs `action` in the board's thread and waits for it."""
        done = threading.Event()
        self._calls.put((action, done))
        os.write(self._wake_write, b"!")
        while not done.wait(0.1) and self._thread.is_alive():
            pass
        if self._failure:
            raise self._failure

    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ends the thread and closes ports and board."""
        self._running = False
        os.write(self._wake_write, b"!")
        self._thread.join()
        for port in self.ports:
            port.close()
        self.board.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _emit(self, data: bytes, baud: int) -> None:
        """A host that listens at another rate hears nothing it could use."""
        for port in self.ports:
            if data and same_rate(port.baud(), baud):
                port.send(data)

    def _run(self) -> None:
        try:
            while self._running:
                self._turn()
        except BaseException as error:  # handed to whoever calls next: a thread has nobody to raise to
            self._failure = error
            raise

    def _turn(self) -> None:
        waits = [wait for wait in (self.board.tick(), *(port.look() for port in self.ports)) if wait is not None]
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        owners: dict[int, Port] = {}
        for port in self.ports:
            for fd, wanted in port.wants().items():
                poll.register(fd, wanted)
                owners[fd] = port
        console = self.board.fileno()
        if console >= 0:
            poll.register(console, select.POLLIN)
        for fd, events in poll.poll(min(waits) * 1000 + 1 if waits else None):
            if fd == self._wake_read:
                os.read(fd, 4096)
            elif fd in owners:
                owners[fd].ready(fd, events)
            elif fd == self.board.fileno():
                self.board.console()
        while not self._calls.empty():
            action, done = self._calls.get()
            action()
            done.set()
