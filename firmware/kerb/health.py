"""The health report of a node: one message of the profile `health`."""

import gc

from kerb import crashes
from kerb.tell import HEALTH, HEALTH_BITS, frame

_MODES = ("normal", "trial", "safe")  # of the channel `mode`
_CAUSES = 4  # bytes behind the epoch on flash: starts by power, by anything else


def battery_code(volt):
    """The code of the channel battery_v: steps of 0.04 V from 2 V."""
    return None if volt is None else max(int((volt - 2.0) / 0.04 + 0.5), 0)


def report(node):
    """The message."""
    gc.collect()
    overlay = node.overlay
    mode = "safe" if node.safe else "trial" if overlay and overlay.on_trial else "normal"
    raw = (node.store.get("epoch") or b"")[4 : 4 + _CAUSES] + bytes(_CAUSES)
    log_count, log_head = node.far.security.state()[:2]
    values = (
        _MODES.index(mode),
        overlay.version if overlay else 0,
        int.from_bytes(raw[:2], "little"),
        int.from_bytes(raw[2:4], "little"),
        crashes.total(node.store),
        sum([part.failing for part in node.parts.values()]),
        len(node.outbox),
        node.outbox.next_seq & 0xFFFFF,
        node.clock.error_ms() // 1000 if node.clock.known else None,
        gc.mem_free() // 1024,
        log_count % 65535,
        int.from_bytes(log_head[:2], "big") % 65535,
        battery_code(node.env.get("battery_v")),
    )
    return frame(HEALTH, HEALTH_BITS, values)
