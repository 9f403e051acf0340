"""Many boards at once, each in a thread of its own, and none the worse for another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from kerbstone.flash import job
from kerbstone.flash.job import Order, Verdict
from kerbstone.flash.spots import Spot

_MOST = 32  # boards at a time


def run(spots: Sequence[Spot], order: Order, tell: Callable[[Spot, str], None], done: Callable[[Verdict], None]) -> list[Verdict]:
    """Verdicts in the order of the spots. `tell` and `done` are called from one thread at a time."""
    lock = threading.Lock()

    def one(spot: Spot) -> Verdict:
        def say(text: str) -> None:
            with lock:
                tell(spot, text)

        verdict = job.run(spot, order, say)
        with lock:
            done(verdict)
        return verdict

    with ThreadPoolExecutor(min(_MOST, len(spots) or 1)) as pool:
        return list(pool.map(one, spots))
