"""The beginning of a power cycle: its number, what began it, and when the node first speaks of its health."""

import json
from struct import calcsize, pack, unpack

from kerb import log
from kerb.clock import mono_ms

_FORM = "<IHHH"  # blob "epoch": power cycles, begun by power, by anything else, and of these by the watchdog
_MOST = 0xFFFF


def read(store):
    """(power cycles, begun by power, by anything else, of these by the watchdog)."""
    raw = (store.get("epoch") or b"") + bytes(calcsize(_FORM))
    return unpack(_FORM, raw[: calcsize(_FORM)])


def begin(node):
    """Numbers the power cycle: `mono` times of two of them cannot be compared. The number."""
    import machine

    epoch, powered, other, watchdog = read(node.store)
    epoch += 1
    if node.power.powered_on():
        powered = min(powered + 1, _MOST)
    else:
        other = min(other + 1, _MOST)
        # An RP2040 calls every reset one of its watchdog's.
        if hasattr(machine, "wake_reason") and machine.reset_cause() == machine.WDT_RESET:
            watchdog = min(watchdog + 1, _MOST)
    try:
        node.store.put("epoch", pack(_FORM, epoch, powered, other, watchdog))
    except OSError as error:
        log.trouble("flash", error)
    log.event("boot", epoch)
    node.retained.put("wer", node.store.get("wear") or bytes(4))
    period_s = settings().get("period_s")
    if period_s:
        node.retained.put("hlt", pack("<I", mono_ms() // 1000 + period_s))
    return epoch


def settings():
    """health.json: {"period_s", "curve_mv"}; empty for a node that reports its health only when asked."""
    try:
        with open("/health.json") as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}
