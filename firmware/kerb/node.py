"""The life of a node: wake, sense, decide, store, send, sleep."""

import gc
import os
import sys
from struct import pack, unpack

import machine
from micropython import const

from kerb import codec, config, early, log
from kerb.bearer import Bearer
from kerb.clock import TRUST_LIVE, Clock, mono_ms
from kerb.delivery import Delivery
from kerb.outbox import Outbox
from kerb.policy import Policy
from kerb.power import Power, restart, woke_by_pin
from kerb.quality import GOOD, worst
from kerb.retained import Retained
from kerb.sampler import Sampler
from kerb.store import Store
from kerb.way import Way

_BEARERS = (("uplink", "upl"), ("second", "up2"))  # the bearers of node.json, in the order they are tried, and what keeps their sessions
_SHORT_MS = const(3000)  # below this a deep sleep costs more than it saves
_REST_AFTER_CRASH_MS = const(60000)
_RETRY_S = const(600)  # s until a part that failed is asked again, whatever its period
_UNSURE = const(1 << 28)  # beside the count of records: a reset may have come after it was written
_WISH = const(3)  # bytes that ask for an installation; what became of one is longer (kerb/update/agent.py)
_SPARE_NUMBERS = const(4096)  # numbers of records skipped when a reset came between two saves; more than a life stores
_GARBAGE_BYTES = const(8192)  # collected so often, one heap for months stays in one piece: modules come in late


class Node:
    def __init__(self):
        self.config = config.load()
        policy = self.config["policy"]
        self.deep = policy["deep_sleep"]
        self.save_s = policy["save_s"]
        if not self.deep:
            gc.threshold(_GARBAGE_BYTES)
        self.clock = Clock(policy["resync_s"], policy["slip_ppm"])
        self.power = Power(self.deep, self.clock)
        self.store = Store()
        self.retained = Retained(self.power, self.store)
        self.warm = self.retained.load() and bool(self.retained.get("clk"))  # one begun before the first save of a life is no use
        self._far = None  # what talks with the far end, once there is something to say
        self.overlay = None  # changed configuration, where there is any
        self.watch = None  # of safe mode
        crashed = self.retained.get("bad") if self.warm else self.store.get("crash")
        changed = self.retained.get("cfg") if self.warm else self.store.get("conf")
        self.crashed = bool(crashed)
        if crashed:
            self._look_back()
        if changed and not self.safe:
            self._laid_over(changed)
        self.parts = {name: early.part(name, self.config["parts"][name]) for name in self.config["order"]}
        self.sampler = Sampler([self.parts[name] for name in self.config["order"]])
        self.app = self._make_app()
        self.outbox = Outbox(policy["outbox_limit"])
        self.ways = [self._make_way(key, section) for key, section in _BEARERS if key in self.config]
        self.delivery = Delivery(self.outbox, self.ways, self.clock, Policy(self.config["delivery"]))
        self.delivery.on_message = self.order
        self.delivery.keep_s = policy["keep_days"] * 86400
        self.env = {}
        self.kept_at = 0  # s: when flash last got what parts must remember
        self.woken = False
        self.decided = False  # the application has taken a sample in this life
        self.saved_at = 0
        self.stage0 = sys.modules.get("stage0")
        if self.stage0 and not self.stage0.current:
            self.stage0 = None  # no slots yet: an installation has loaded it
        self.update = bool(self.config.pop("update", None))  # whose updates: read again by what installs them
        if self.stage0 and self.stage0.current.state:
            self.delivery.confirm_all()

    def _make_way(self, key, section):
        """The bearer of a table of node.json; its session is kept in a section of its own."""
        bearer = Bearer(self.config[key], self.identity, self.power, self.store)
        bearer.outfit = {"clock": self.clock, "restart": self.restart, "on_block": self.block}
        bearer.on_open = lambda: self.forget_session(section)
        return Way(bearer, self.config[key])

    def _make_app(self):
        name = self.config["app"]
        module = __import__("kerb.safe" if self.safe else "kerb.apps." + name, None, None, (name,))
        config.overlay(self.config)
        return module.App(self.config["app_settings"])

    @property
    def safe(self):
        """True in safe mode: no parts, no application."""
        return self.watch is not None

    def _look_back(self):
        """After a crash: start as always, or safely."""
        from kerb import crashes, safe

        if crashes.wants_safe(self.store, mono_ms() // 1000, self.power.powered_on()):
            self.config = dict(self.config)
            self.config["order"] = []
            self.watch = safe.Watch(self)

    def _laid_over(self, raw):
        from kerb.overlay import Overlay

        self.overlay = Overlay(self, raw, self.warm)

    def identity(self):
        """Read by who sends: the other wakes need neither the keys nor the code."""
        from kerb import identity

        return identity.load(self.config.get("identity_at"))

    # -- wake and rest ------------------------------------------------------------------------------------

    def wake(self):
        """Takes up what the last life left; after a loss of power, what flash has."""
        warm = self.warm
        state = self.retained.get("app")
        if state and len(state) == self.app.STATE_BYTES:
            self.app.unpack(state)
        if warm:
            self.clock.unpack(self.retained.get("clk"))
            self.sampler.unpack(self.retained.get("smp"))
            for way, (_, section) in zip(self.ways, _BEARERS):
                way.bearer.unpack(self.retained.get(section))
            epoch, count, self.outbox.next_seq = unpack("<III", self.retained.get("box"))
            self.outbox.unpack(self.retained.get("ram"), not count & _UNSURE)
            self.outbox.on_put = self.forget_outbox
            for name, mark in zip(self.config["order"], self.retained.get("flt") or b""):
                self.parts[name].carry_over(mark)
            if not count:
                self.outbox.assume_empty()
            self.delivery.unpack(self.retained.get("try"))
            self.woken = woke_by_pin()
            self._remind_parts(self.retained.get("prt"))
        else:
            gc.collect()  # a start with much to read breaks the heap into pieces: what follows wants whole ones
            from kerb import cycle

            epoch = cycle.begin(self)
            # Numbers of records never repeat: a power cycle has a million of its own.
            self.outbox.next_seq = (epoch & 0xFFF) << 20
            self._remind_parts(self.store.get("parts"))
            self.kept_at = 0
            self.delivery.power_on()
        self.delivery.epoch = epoch
        if self.overlay:
            self.overlay.start(warm)
        if self.crashed:
            self.far.tell_crash()

    def forget_session(self, section):
        """Frame counters live on in RAM from here: a reset before the next save must not find the old ones."""
        self.retained.drop(section)
        self.retained.save()

    def forget_outbox(self):
        """The folder changes from here: a reset before the next save must not find it empty, nor give a number twice."""
        self._keep_outbox(1, _SPARE_NUMBERS)
        self.retained.save()

    def _keep_outbox(self, count, skip):
        self.retained.put("box", pack("<III", self.delivery.epoch, count | (_UNSURE if skip else 0), self.outbox.next_seq + skip))

    def _remind_parts(self, data):
        if not data:
            return
        self.kept_at = unpack("<I", data[:4])[0]
        at = 4
        for name in self.config["order"]:
            size = data[at]
            self.parts[name].unpack(data[at + 1 : at + 1 + size], self.woken)
            at += 1 + size

    def _keep_parts(self):
        """Counts survive deep sleep in memory, and a loss of power up to save_s on flash."""
        kept = [self.parts[name].pack() for name in self.config["order"]]
        if not any(kept):
            return
        now = mono_ms() // 1000
        late = now - self.kept_at >= self.save_s
        if late:
            self.kept_at = now
        data = pack("<I", self.kept_at) + b"".join([bytes([len(part)]) + part for part in kept])
        self.retained.put("prt", data)
        if late:
            try:
                self.store.put("parts", data)
            except OSError as error:
                log.trouble("flash", error)

    def save(self, last):
        """Writes down what the next life needs; `last`: RAM ends now, so the outbox will be found as it is."""
        if not self.safe:
            self.retained.put("app", self.app.pack())
        self.retained.put("clk", self.clock.pack())
        self.retained.put("smp", self.sampler.pack())
        for way, (_, section) in zip(self.ways, _BEARERS):
            session = way.bearer.pack()
            if session:
                self.retained.put(section, session)
        if last:
            self._keep_outbox(len(self.outbox), 0)
        else:
            self._keep_outbox(1, _SPARE_NUMBERS)
        self.retained.put("ram", self.outbox.pack())
        self.retained.put("flt", bytes([self.parts[name].mark for name in self.config["order"]]))
        self.retained.put("try", self.delivery.pack())
        if self.overlay:
            self.retained.put("cfg", self.overlay.pack())
        self._keep_parts()
        if self.store.commits or self.outbox.commits:
            self.retained.put("wer", pack("<I", self.written()))
            self.store.commits = self.outbox.commits = 0
        self.retained.save()
        self.saved_at = mono_ms() // 1000

    def written(self):
        """Changes of the file system since the node was built: what wears the flash."""
        return int.from_bytes(self.retained.get("wer") or b"", "little") + self.store.commits + self.outbox.commits

    def rest(self):
        """Sleeps until something is due: with RAM gone when that pays."""
        now = mono_ms()
        for part in self.parts.values():
            if part.failing:
                self.sampler.hurry(part.name, now // 1000 + _RETRY_S)
        wait = min(self.sampler.next_ms(now), self.delivery.next_ms(now))
        for other in (self.overlay, self.watch):
            if other:
                wait = min(wait, other.next_ms(now))
        if not self.deep or self.sampler.busy or wait < _SHORT_MS:
            if not self.deep and now // 1000 - self.saved_at >= self.save_s:
                self.save(False)
            if not self.deep:
                gc.collect()  # one heap for months: collected while nothing is due, it does not break into pieces
            listening = [way.bearer for way in self.ways if way.bearer.tends] or [self.ways[0].bearer]
            listening[0].wait(min(wait, 60000))
            return
        if self.stage0:
            self.stage0.settle()
        for part in self.parts.values():
            part.sleep()
        for way in self.ways:
            way.bearer.sleep()
        self.save(True)
        # Saving took its time, and it may be long: flash.
        left = wait - (mono_ms() - now)
        if left > 0:
            # A part that does not answer cannot be told to let go of its pin: it would wake the node at once, for ever.
            self.power.deep_sleep(left, [p.wake for p in self.parts.values() if p.wake and not p.failing])

    # -- sense and decide ---------------------------------------------------------------------------------

    def sense(self):
        """Measures what is due, hands each batch to the application, carries out what it decides."""
        self.sampler.begin(mono_ms() // 1000, self.woken)
        batch = self.sampler.ready()
        while batch:
            sample = {"wake_pin": self.woken, "quality": GOOD}
            self.woken = False
            for part in batch:
                reading = part.measure(self.env)
                sample["quality"] = worst(sample["quality"], reading["quality"])
                for key, value in reading.items():
                    if key != "quality":
                        sample[key] = self.env[key] = value
                if part.earlier:
                    sample["earlier"], part.earlier = part.earlier, []
                if part.before:
                    sample["before"], part.before = part.before, None
            self.decide(sample)
            for part in batch:
                if not self.config["parts"][part.name].get("stay") and not self.sampler.under_way(part):
                    part.sleep()
            batch = self.sampler.ready()

    def decide(self, sample):
        for effect in self.app.step(sample, self.clock.now()):
            self._EFFECTS[effect[0]](self, sample, *effect[1:])
        self.decided = True

    def listen(self):
        """Tells an application that wants it how strongly the gateway was heard: what stands on the node takes from it."""
        rssi = self.ways[0].bearer.take_rssi() if getattr(self.app, "LINK", False) else None
        if rssi is not None:
            self.decide({"rssi_db": rssi, "quality": GOOD})

    # -- the far end --------------------------------------------------------------------------------------

    @property
    def far(self):
        """What talks with the far end; no ordinary wake loads it."""
        if not self._far:
            from kerb.farend import FarEnd

            self._far = FarEnd(self)
        return self._far

    def order(self, port, data):
        """Takes a message of the far end."""
        gc.collect()  # what follows wants large pieces of the heap
        self.far.take(port, data)

    def block(self, descriptor, path, size):
        """A block of data a bearer has put together: the next start, which has the room, sees whether it is an update."""
        if self.update:
            slots = Store("/slots")
            slots.put("block", ("%d %s" % (size, path)).encode())
            slots.put("start", pack("<BH", 0, 0xFFFF))
        return self.update

    def restart(self):
        """Begins anew, with all that a life hands to the next."""
        self.save(True)
        self.power.reset()

    def carry_out(self, effects):
        """Effects of an application that was not asked to step."""
        for effect in effects:
            self._EFFECTS[effect[0]](self, {"quality": GOOD}, *effect[1:])

    def tend(self):
        """What commands have left to be done later."""
        if self.overlay:
            self.overlay.tick()
        if self._far:
            self._far.tick()
        if not self.ways[0].bearer.idle:
            due = self.retained.get("hlt")
            if due and mono_ms() // 1000 >= unpack("<I", due)[0]:
                self.far.tell_health_in_time()
        if self.watch and self.watch.tick():
            restart()

    def _report(self, sample, record, priority, values):
        quality = values.pop("quality", sample["quality"])
        frame = codec.encode(self.config["profile"], record, values, quality, TRUST_LIVE)
        self.delivery.store(frame, priority)

    def _set(self, sample, part, key, value):
        self.parts[part].set(key, value)

    def _again(self, sample, part, ms):
        # For long the node sleeps, its wake pins armed: what happens meanwhile is not missed, and light sleep would cost more.
        if not (self.deep and ms >= _SHORT_MS and self.sampler.hurry(part, (mono_ms() + ms) // 1000)):
            self.sampler.again(part, ms)

    def _note(self, sample, text):
        log.event("note", text)

    _EFFECTS = {"report": _report, "set": _set, "again": _again, "note": _note}

    # -- updates ------------------------------------------------------------------------------------------

    def renew(self):
        """An application on trial is judged."""
        if self.stage0 and (self.stage0.current.state or self.stage0.current.reason):
            gc.collect()
            from kerb.update import report

            report.judge(self)

    # ------------------------------------------------------------------------------------------------------

    def run(self):
        """For ever."""
        self.wake()
        if self.update and _exists("/slots/start"):
            from kerb.update import report

            report.owed(self, Store("/slots"))
        on_trial = self.stage0 and self.stage0.current.state
        watchdog = self.power.watchdog() if on_trial else None
        while True:
            if watchdog:
                watchdog.feed()
            self.sense()
            self.delivery.run()
            self.listen()
            self.tend()
            self.renew()
            self.rest()


def _exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def _install():
    """What has come, before there is a node. Then a fresh start: what this has loaded leaves no room for one."""
    slots, update = Store("/slots"), config.load().get("update")
    wish = slots.get("start")
    if not wish:
        slots.remove("start")  # damaged
    elif update and len(wish) == _WISH:
        from kerb.update.agent import Agent

        if Agent(update).run():
            from kerb import crashes

            crashes.try_anew(Store())
        if slots.get("start") != wish:
            machine.reset()


def main():
    """Runs for ever. A failure nobody foresaw is told, written down, slept on, and followed by a fresh start."""
    try:
        if _exists("/slots/start"):
            _install()
        elif machine.reset_cause() == machine.PWRON_RESET and "update" in config.load():
            from kerb.update import knock

            if knock.heard():
                from kerb.update import cable

                cable.listen()
                machine.reset()
        Node().run()
    except Exception as error:  # the last line of defence: a node must come back
        sys.print_exception(error)
        log.event("crash", type(error).__name__, error)
        _write_down(error)
        if "stage0" in sys.modules:
            sys.modules["stage0"].abandon("crash")
        machine.deepsleep(_REST_AFTER_CRASH_MS)


def _write_down(error):
    """For the host to read, and for the next start to know."""
    try:
        gc.collect()
        from kerb import last

        last.write_down(error)
    except Exception as trouble:  # it must not keep the node from coming back
        sys.print_exception(trouble)
