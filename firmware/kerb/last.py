"""The last words of a life that ended in an exception: for the host to read, and for the next start to know."""

from kerb import crashes
from kerb.clock import mono_ms
from kerb.power import Power
from kerb.retained import Retained
from kerb.store import Store


def write_down(error):
    """Keeps the crash, ends a trial of configuration, marks the retained memory. Raises what flash raises."""
    store = Store()
    crashes.keep(error, mono_ms() // 1000, store)
    retained = Retained(Power(False), store)
    warm = retained.load()
    changed = None
    if store.get("conf"):
        from kerb.overlay import fall_back

        changed = fall_back(store)
    if warm:
        retained.put("bad", b"\1")
        if changed:
            retained.put("cfg", changed)
        retained.save()
