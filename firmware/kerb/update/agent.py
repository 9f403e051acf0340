"""Takes a complete bundle through all refusals into a slot on trial, and keeps the keys it trusts."""

import sys
from struct import pack, unpack

import stage0
from kerb import cbor, log
from kerb.store import Store
from kerb.update import gather, inbox, report
from kerb.update.envelope import Refused
from kerb.update.install import Target, install, read_bundle

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
            if not (inbox.complete() or gather.combine()):
                self._keep(report.message("receiving", piece=piece) if piece else None)
                return False
            manifest = self._install(None if millivolt == 0xFFFF else millivolt / 1000, feed)
        except Refused as error:
            return self._refuse(error.reason, error, piece)
        except (OSError, MemoryError) as error:
            return self._refuse("flash" if isinstance(error, OSError) else "memory", error, piece)
        self._keep(report.message("keys" if manifest.keys else "trial", "none", manifest.sequence, piece))
        gather.finish()
        log.event("update", "keys" if manifest.keys else "installed", manifest.sequence, manifest.version)
        return not manifest.keys

    def _refuse(self, reason, error, piece):
        log.event("update", "refused", reason, error)
        self._keep(report.message("refused", reason, self._sequence, piece))
        inbox.clear()
        return False

    def _keep(self, told):
        """What became of the bundle, until there is a node that tells it; no longer a wish to look at what has come."""
        if told:
            self._store.put("start", told)
        else:
            self._store.remove("start")

    def _install(self, battery_v, feed):
        selector = stage0.load()
        with open(inbox.INBOX, "rb") as f:
            manifest = read_bundle(f, trusted(self._config, self._store), feed)
            self._sequence = manifest.sequence
            port = sys.implementation.version[:3]
            mpy = getattr(sys.implementation, "_mpy", 0) & 0xFF
            target = Target(self._config, port, mpy, selector)
            target.check(manifest, battery_v)
            if manifest.keys:
                self._rotate(manifest, selector)
            else:
                install(target, f, manifest, feed)
        return manifest

    def _rotate(self, manifest, selector):
        self._store.put("keys", cbor.encode(manifest.keys))
        selector.floor = manifest.sequence
        stage0.save(selector)
