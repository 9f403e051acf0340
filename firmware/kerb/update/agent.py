"""Takes a complete bundle through all refusals into a slot on trial, and keeps the keys it trusts."""

import os
import sys

import stage0

from kerb import cbor, log
from kerb.store import Store
from kerb.update import inbox
from kerb.update.envelope import Refused
from kerb.update.install import INBOX, Target, install, read_bundle

PORT, TOPIC = 120, "update"  # where fragments come in: of LoRaWAN, and the last word of the topic


def trusted(config, store):
    """{key id: [algorithm, public key]}: those a manifest has brought, else those the node was built with."""
    raw = store.get("keys")
    if raw:
        return cbor.decode(raw)
    return {bytes.fromhex(kid): [algorithm, bytes.fromhex(key)] for kid, (algorithm, key) in config["keys"].items()}


class Agent:
    """`config`: the table "update" of node.json."""

    def __init__(self, config):
        try:
            os.mkdir(stage0.ROOT)
        except OSError:
            pass
        self._store = Store(stage0.ROOT)
        self._config = config

    def run(self, battery_v=None, feed=None):
        """Installs what is complete. True: a new application is on trial, and a reset starts it. Tells what it refuses."""
        if not inbox.complete():
            return False
        selector = stage0.load()
        if selector.state:
            return False  # one at a time: the way back would be lost
        try:
            with open(INBOX, "rb") as f:
                manifest = read_bundle(f, trusted(self._config, self._store), feed)
                port = sys.implementation.version[:3]
                mpy = getattr(sys.implementation, "_mpy", 0) & 0xFF
                target = Target(self._config, port, mpy, selector)
                target.check(manifest, battery_v)
                if manifest.keys:
                    self._rotate(manifest, selector)
                else:
                    install(target, f, manifest, feed)
        except Refused as error:
            log.event("update", "refused", error.reason, error)
        except OSError as error:
            log.event("update", "refused", "flash", error)
        else:
            log.event("update", "keys" if manifest.keys else "installed", manifest.sequence, manifest.version)
            inbox.clear()
            return not manifest.keys
        inbox.clear()
        return False

    def _rotate(self, manifest, selector):
        self._store.put("keys", cbor.encode(manifest.keys))
        selector.floor = manifest.sequence
        stage0.save(selector)
