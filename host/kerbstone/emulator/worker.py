"""One cell in a process of its own: an order comes in on standard input, progress and result leave on standard output.

`python -m kerbstone.emulator.worker CORE`; see `workers.py`.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from typing import Any

from kerbstone.emulator.cell import run_cell
from kerbstone.errors import KerbstoneError


def main() -> None:
    # Interpreter and kernel take turns; on one core a turn costs a fifth of what it costs across two.
    os.sched_setaffinity(0, {int(sys.argv[1])})
    # Whatever a library prints must not end up between the messages.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(kind: str, value: Any) -> None:
        pickle.dump((kind, value), out)
        out.flush()

    order = pickle.load(sys.stdin.buffer)
    try:
        say("result", run_cell(order, lambda share: say("progress", share)))
    except KerbstoneError as error:
        say("refused", str(error))
    except Exception:  # handed to the parent, which raises it
        say("failed", traceback.format_exc())


if __name__ == "__main__":
    main()
