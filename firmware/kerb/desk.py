"""Takes messages of the far end: lets the authentic ones through, once each, has them carried out, and answers every one of them.

What is not authentic gets no answer, or anybody could make the node send; it leaves an event in the security log. The counter is on
flash before a command takes effect, in two places by turns: after a power cut a command may be lost, never repeated.
"""

import gc

from kerb import commands, log
from kerb.clock import mono_ms
from kerb.commands import KINDS, Refused
from kerb.errors import ConfigError
from kerb.farend import forget
from kerb.power import restart

_PLACES = ("cmd0", "cmd1")
_PLAIN = (1, 3)  # bytes of a laboratory's order, which a production node refuses
_PATIENCE_S = 120  # for the answer to leave before a restart or a wipe


class Desk:
    def __init__(self, node):
        self._node = node
        self._key = None
        identity = node.identity()
        self.device = (identity.get("device_id") or "").encode()
        try:
            self._key = commands.key_of(identity)
        except ConfigError:
            pass  # told with each command
        self._last = max([int.from_bytes(node.store.get(place) or b"", "big") for place in _PLACES])
        self.then = None  # what follows once the answer has left
        self._then_at = 0

    def take(self, message):
        """A message as it came."""
        node = self._node
        try:
            if self._key is None:
                raise Refused("no_device_key")
            if len(message) in _PLAIN:
                raise Refused("plain")
            kind, counter, body = commands.opened(self._key, self.device, message, self._last)
            self._use(counter)
        except Refused as refusal:
            node.far.secure(refusal.reason)
            return
        self._carry_out(kind, counter, body)

    def _use(self, counter):
        try:
            self._node.store.put(_PLACES[counter & 1], counter.to_bytes(4, "big"))
        except OSError as error:
            log.trouble("flash", error)
            raise Refused("flash")
        self._last = counter

    def _carry_out(self, kind, counter, body):
        node = self._node
        name = KINDS[kind] if kind < len(KINDS) else "none"
        try:
            if kind >= len(KINDS):
                raise Refused("no_command")
            gc.collect()
            from kerb.deeds import DEEDS

            result, detail = DEEDS[name](node, body)
            del DEEDS
        except Refused as refusal:
            result, detail = refusal.reason, refusal.detail
            node.far.secure("command")
        except MemoryError:
            # The counter is used; the node lives on and says that it could not.
            gc.collect()
            result, detail = "failed", 0
        forget("deeds", "chainlog")
        log.event("command", name, result, detail)
        node.far.tell(min(kind, len(KINDS)), result, detail, counter)

    def afterwards(self, deed):
        """Has `deed` done once the answer has left."""
        self.then = deed
        self._then_at = mono_ms() // 1000 + _PATIENCE_S

    def tick(self):
        if self.then and (not len(self._node.outbox) or mono_ms() // 1000 >= self._then_at):
            self._node.save(True)
            deed, self.then = self.then, None
            deed()
            restart()
