"""Runs cells in processes of their own, one to a core.

A process and not a `multiprocessing` pool: a pool imports the caller's main module again, so a user's script or
notebook that runs a street would have to be written for it.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import Queue

import kerbstone
from kerbstone.emulator.cell import CellOrder, CellResult
from kerbstone.errors import EngineError, KerbstoneError

Progress = Callable[[CellOrder, float], None]


class _Pool:
    """Shared by the threads that each look after one process."""

    def __init__(self, cores: list[int], progress: Progress | None):
        self.free: Queue[int] = Queue()
        for core in cores:
            self.free.put(core)
        self.progress = progress
        self.running: list[subprocess.Popen[bytes]] = []
        self.lock = threading.Lock()
        self.stopped = False

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            for process in self.running:
                process.kill()


def run_cells(orders: list[CellOrder], progress: Progress | None = None) -> list[CellResult]:
    """The results, in the order of the orders. Raises what a cell raised; the others are stopped then."""
    cores = sorted(os.sched_getaffinity(0))
    pool = _Pool(cores, progress)
    with ThreadPoolExecutor(min(len(orders), len(cores))) as threads:
        futures: list[Future[CellResult]] = [threads.submit(_look_after, pool, order) for order in orders]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            failed = next((f for f in futures if f.done() and f.exception()), None)
            if failed:
                raise failed.exception() or EngineError("A cell failed without a word.")
            return [f.result() for f in futures]
        finally:
            pool.stop()
            threads.shutdown(cancel_futures=True)


def _look_after(pool: _Pool, order: CellOrder) -> CellResult:
    core = pool.free.get()
    environment = dict(os.environ)
    paths = [str(Path(kerbstone.__file__).parents[1]), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(p for p in paths if p)
    command = [sys.executable, "-m", "kerbstone.emulator.worker", str(core)]
    with pool.lock:
        if pool.stopped:
            raise EngineError("The run was stopped.")
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        pool.running.append(process)
    try:
        return _converse(process, order, pool.progress)
    finally:
        process.kill()
        process.wait()
        with pool.lock:
            pool.running.remove(process)
        pool.free.put(core)


def _converse(process: subprocess.Popen[bytes], order: CellOrder, progress: Progress | None) -> CellResult:
    assert process.stdin and process.stdout
    with process.stdin, process.stdout:
        pickle.dump(order, process.stdin)
        process.stdin.flush()
        while True:
            try:
                kind, value = pickle.load(process.stdout)
            except (EOFError, pickle.UnpicklingError) as error:
                raise EngineError("A cell's process ended before its time; run again with fewer nodes if memory is short.") from error
            if kind == "progress" and progress:
                progress(order, value)
            elif kind == "result":
                return value
            elif kind == "refused":
                raise KerbstoneError(value)
            elif kind == "failed":
                raise RuntimeError(f"a cell failed:\n{value}")
