"""Takes a complete bundle through all refusals into a slot on trial, and keeps the keys it trusts."""

import sys
from struct import pack, unpack

import stage0
from kerb import cbor, log
from kerb.store import Store
from kerb.update import gather, inbox, report
from kerb.update.envelope import Refused
from kerb.update.install import Target, install, plan, read_bundle

_TRIES = 20  # starts that may fail in the middle of one installation: each goes on where the last ended


def trusted(config, store):
    """{key id: [algorithm, public key]}: those a manifest has brought, else those the node was built with."""
    raw = store.get("keys")
    if raw:
        return cbor.decode(raw)
    return {bytes.fromhex(kid): [algorithm, bytes.fromhex(key)] for kid, (algorithm, key) in config["keys"].items()}


class Agent:
    """`config`: the table "update" of node.json."""

    def __init__(self, config):
        self._store = Store(stage0.ROOT)
        self._config = config
        self._sequence = None  # of the bundle at hand, once its manifest is trusted

    def run(self, feed=None):
        """Installs what is complete. True: a new application is on trial, and a reset starts it. Tells what it refuses."""
        start = self._store.get("start")
        if stage0.load().state or (start and len(start) > report.START):
            return False  # one at a time: the way back would be lost, or the word of what became of the last
        if not start:
            self._store.remove("start")  # damaged
            return False
        piece = inbox.progress()
        tries, millivolt = unpack("<BH", start)
        self._store.put("start", pack("<BH", tries + 1, millivolt))
        try:
            if tries == _TRIES:
                raise Refused("flash", "%d starts were not enough" % tries)
            if not (inbox.complete() or gather.combine() or self._image_waits()):
                self._keep(report.message("receiving", piece=piece) if piece else None)
                return False
            word, version, reset = self._install(None if millivolt == 0xFFFF else millivolt / 1000, feed)
        except Refused as error:
            return self._refuse(error.reason, error, piece)
        except (OSError, MemoryError) as error:
            return self._refuse("flash" if isinstance(error, OSError) else "memory", error, piece)
        state = {"expects": "receiving", "installed": "trial"}.get(word, word)
        self._keep(report.message(state, "none", self._sequence, piece))
        gather.finish()
        log.event("update", word, self._sequence, version)
        return reset

    def _image_waits(self):
        if not self._store.get("image"):
            return False
        from kerb.update import image

        return image.waits(self._store)

    def _refuse(self, reason, error, piece):
        log.event("update", "refused", reason, error)
        self._keep(report.message("refused", reason, self._sequence, piece))
        if not inbox.complete():
            self._store.remove("image")
        inbox.clear()
        return False

    def _keep(self, told):
        """What became of the bundle, until there is a node that tells it; no longer a wish to look at what has come."""
        if told:
            self._store.put("start", told)
        else:
            self._store.remove("start")

    def _install(self, battery_v, feed):
        """("installed", "keys", or "expects" an image; the version; whether a reset has to follow)."""
        selector = stage0.load()
        if not inbox.complete():
            from kerb.update import interpreter

            self._sequence, reset = interpreter.switch(self._store, feed)
            return "installed", "image", reset
        with open(inbox.INBOX, "rb") as f:
            manifest = read_bundle(f, trusted(self._config, self._store), feed)
            self._sequence = manifest.sequence
            port = sys.implementation.version[:3]
            mpy = getattr(sys.implementation, "_mpy", 0) & 0xFF
            target = Target(self._config, port, mpy, selector)
            target.check(manifest, battery_v)
            if manifest.keys:
                self._rotate(manifest, selector)
                return "keys", manifest.version, False
            self._pay(target, manifest)
            if manifest.image:
                from kerb.update import interpreter

                interpreter.expect(self._store, manifest)
                return "expects", manifest.version, False
            install(target, f, manifest, feed)
        return "installed", manifest.version, True

    def _pay(self, target, manifest):
        """Raises Refused("battery") when the battery should not."""
        table = self._config.get("energy")
        if table:
            from kerb.clock import mono_ms
            from kerb.update import energy

            if manifest.image:
                _, size, _, piece = manifest.image
                energy.check(table, (size,), mono_ms() // 1000, size // piece)
            else:
                energy.check(table, [row[1] for row in plan(target, manifest)], mono_ms() // 1000)

    def _rotate(self, manifest, selector):
        self._store.put("keys", cbor.encode(manifest.keys))
        selector.floor = manifest.sequence
        stage0.save(selector)
