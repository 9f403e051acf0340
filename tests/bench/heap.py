"""The heap a node needs: the smallest in which it lives through six hours, found by halving.

Without what the emulator's own `machine` and its kin take (engine/process.py).
"""

from __future__ import annotations

from dataclasses import replace

from kerbstone.build.node import Node, load_node
from kerbstone.cli.emulate import STREET
from kerbstone.emulator.run import run
from kerbstone.errors import KerbstoneError

SIX_HOURS_US = 6 * 3600 * 1_000_000
_STEP_KB = 4


def lives(node: Node, heap_kb: int) -> bool:
    """Whether the node reports all it measures with this heap (KB as a 32-bit chip counts)."""
    small = replace(node, board=node.board.model_copy(update={"heap_kb": heap_kb}))
    try:
        result = run([small], 1, SIX_HOURS_US).nodes[0]
    except KerbstoneError:
        return False
    return result.readings > 0 and result.lost == 0 and not any(n.startswith("crash") or "Memory" in n for n in result.notes)


def heap_peak(node: Node) -> int:
    """Bytes of the smallest heap that is enough; 0 when even the board's own is not."""
    low, high = 0, node.board.heap_kb // _STEP_KB
    if not lives(node, high * _STEP_KB):
        return 0
    while high - low > 1:
        middle = (low + high) // 2
        if lives(node, middle * _STEP_KB):
            high = middle
        else:
            low = middle
    return high * _STEP_KB * 1024


def heap_peaks() -> dict[str, int]:
    return {name: heap_peak(load_node(name)) for name in STREET}
