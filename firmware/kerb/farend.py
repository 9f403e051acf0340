"""What a node hears from the far end and says of itself: commands, pieces of updates, answers, health, crashes.

A wake in which nothing of that happens does not load it.
"""

import gc
import sys

from micropython import const

from kerb import log
from kerb.clock import mono_ms
from kerb.tell import ANSWER, ANSWER_BITS, RESULTS, frame

_PLAIN = (1, 3)  # bytes of an order without a code, for a laboratory's lamp
_UPDATES = const(120)  # of LoRaWAN, inbox.PORT
_HEALTH = ("health", "forecast", "coverage", "cycle")  # modules of a health report
_NO_APP_PORT = const(224)  # of LoRaWAN, and those above: tests and the future


def forget(*names):
    """Lets go of modules that one message needed: with everything a node can do loaded at once, the heap of a small board is full."""
    package = sys.modules["kerb"]
    for name in names:
        sys.modules.pop("kerb." + name, None)
        if hasattr(package, name):
            delattr(package, name)
    gc.collect()


class FarEnd:
    def __init__(self, node):
        self._node = node
        self._desk = None  # who takes commands, once one has come
        self._security = None
        self._receiver = None  # who takes updates

    # -- heard --------------------------------------------------------------------------------------------

    def take(self, port, data):
        """A message. `port`: of LoRaWAN, or the topic's name."""
        node = self._node
        if node.update and (port == _UPDATES or data[:2] == b"KU") and self.receiver.take(port, data):
            return
        if isinstance(port, str) or port < _NO_APP_PORT:
            if len(data) in _PLAIN and not node.config.get("production", True) and hasattr(node.app, "order"):
                node.carry_out(node.app.order(data, node.clock.now()))
            else:
                self.desk.take(data)

    @property
    def receiver(self):
        """Takes what is of an update."""
        if not self._receiver:
            from kerb.update.receive import Receiver

            self._receiver = Receiver(self._node)
        return self._receiver

    @property
    def desk(self):
        if not self._desk:
            from kerb.desk import Desk

            self._desk = Desk(self._node)
        return self._desk

    def ask(self):
        """Has everything measured and reported now."""
        node = self._node
        if hasattr(node.app, "ask"):
            node.app.ask()
        for name in node.parts:
            node.sampler.hurry(name, mono_ms() // 1000)

    def laid_over(self):
        """The node's changed configuration, begun if there was none. Raises Refused in safe mode, which has nothing to configure."""
        node = self._node
        if node.safe:
            from kerb.commands import Refused

            raise Refused("not_here")
        if not node.overlay:
            from kerb.overlay import Overlay

            node.overlay = Overlay(node)
            node.overlay.start(True)
        return node.overlay

    def tick(self):
        """Once a round: what messages have left to be done."""
        if self._desk:
            self._desk.tick()
        if self._receiver:
            self._receiver.tick()
            if self._receiver.whole:  # for the next start, which has the room
                self._node.restart()

    # -- said ---------------------------------------------------------------------------------------------

    @property
    def security(self):
        """The security log."""
        if self._security is None:
            from kerb.seclog import SecurityLog

            self._security = SecurityLog(self._node.store)
        return self._security

    def secure(self, word):
        """An entry in the security log."""
        self.security.note(word, mono_ms() // 1000)

    def tell(self, command, result, detail=0, counter=0):
        """An answer, in the profile `answer`."""
        overlay = self._node.overlay
        values = (command, RESULTS.index(result), counter % 65535, overlay.version if overlay else 0, detail)
        self._node.delivery.store(frame(ANSWER, ANSWER_BITS, values), 1)

    def tell_health(self):
        from kerb import health

        report = health.report(self._node)
        del health
        forget(*_HEALTH)
        self._node.delivery.store(report, 1)

    def tell_health_in_time(self):
        from kerb import health

        health.scheduled(self._node)
        del health
        forget(*_HEALTH)

    def tell_crash(self):
        """After a crash: what is new of it, once."""
        from kerb import crashes

        node = self._node
        if not node.safe:
            node.retained.drop("bad")
        try:
            if crashes.fresh(node.store):
                crashes.tell(node, True)
                self.secure("safe" if node.safe else "crash")
        except OSError as error:
            log.trouble("flash", error)
