"""Tells the far end what becomes of an update, in messages of the profile `update` (protocols/profiles/update.toml). Each is told once.

What happens before there is a node, an installation and what stage 0 does, waits on flash until one runs.
"""

from micropython import const

import stage0
from kerb import log
from kerb.clock import mono_ms
from kerb.tell import UPDATE, frame

BITS = (4, 5, 22, 16, 16, 16)
STATES = ("receiving", "refused", "trial", "probation", "confirmed", "reverted", "keys")
REASONS = (
    "none", "form", "truncated", "key", "signature", "class", "older", "replayed", "port", "depends", "size", "battery", "digest", "patch",
    "flash", "memory", "strikes", "import", "crash", "silent", "asked",
)  # fmt: skip
_STRIDE = const(16)  # fragments of a large one between two reports: a sender keeps more than that on their way
_PRIORITY = const(1)
START = 3  # bytes of a wish to install; what became of one is longer

_said = None  # of this life


def message(state, reason="none", sequence=None, piece=None):
    """A report. `sequence`: where the manifest could be trusted. `piece`: (bundle, fragments, fragments wanted) of inbox.progress()."""
    values = (STATES.index(state), REASONS.index(reason), None if sequence is None else sequence % 4194303)
    if piece:
        values += piece
    return frame(UPDATE, BITS[: len(values)], values)


def tell(node, state, reason="none", sequence=None, piece=None):
    """Stores a report among the node's records."""
    node.delivery.store(message(state, reason, sequence, piece), _PRIORITY)


def progress(node, before, number):
    """Once a round in which fragments came: tells what their sender must know to go on.

    `before`: inbox.progress() before the round; `number`: the highest that came. Told are the first of a bundle, with the node's health
    before it; every 16 of a large one, and a round that brought nothing new of it (once in a life); of a small one, whose fragments come in
    any order, only that its last has come and it is not whole: on LoRaWAN a report for each would use up the gateway's duty cycle.
    """
    global _said
    from kerb.update import inbox

    piece = inbox.progress()
    if not piece:
        return
    had, wanted = piece[1:]
    known = before[1] if before and before[0] == piece[0] else 0
    large = inbox.in_order(wanted)
    due = had // _STRIDE != known // _STRIDE or had == known if large else number >= wanted
    words = piece, had == known
    if words != _said and (due or not known):
        tell(node, "receiving", "none", None, piece)
        _said = words
        if had and not known:
            node.far.tell_health()


def owed(node, kept):
    """What an installation left on flash. `kept`: the Store of the slots."""
    data = kept.get("start")
    if data and len(data) > START:
        node.delivery.store(data, _PRIORITY)
        kept.remove("start")


def judge(node):
    """Once a clean cycle while an application is on trial, or stage 0 has left one: judged, and told."""
    s = stage0.current
    if s.reason and not s.state:
        tell(node, "reverted", stage0.REASONS[s.reason], s.failed)
        s.reason = 0
        try:
            stage0.save(s)
        except OSError as error:
            log.trouble("flash", error)
    if s.state:
        from kerb.update import probation

        reached = probation.judge(node.delivery.proven and node.decided, mono_ms() // 1000)
        if reached:
            tell(node, reached, "none", s.floor)
            node.far.tell_health()
