"""The bearers by name; each module has a class Uplink (see docs/contracts.md)."""

import gc

from kerb.errors import ConfigError

_GARBAGE_BYTES = 8192  # between two collections
_MODULES = {
    "lorawan": "kerb.uplink.lorawan.uplink", "lorawan_at": "kerb.uplink.lorawan_at",
    "mqtt": "kerb.uplink.mqtt", "nbiot": "kerb.uplink.nbiot",
}  # fmt: skip
_EXTRA = {"class": "kerb.uplink.lorawan.extra", "packages": "kerb.uplink.lorawan.extra"}  # where the table has such a key


class Bearer:
    """The node's uplink, built when first needed: most wakes measure, decide and sleep again without it.

    Until then its packed session passes through untouched, so frame counters stay where they are.
    """

    def __init__(self, config, load_identity, board, store):
        if config["kind"] not in _MODULES:
            raise ConfigError("uplink kind %s is not one of %s" % (config["kind"], ", ".join(sorted(_MODULES))))
        self._config = config
        self._load_identity = load_identity
        self._board = board
        self._store = store
        self._session = None
        self._uplink = None
        self.heard = None  # dBm that take_rssi() gave last
        self.on_open = None  # called just before the session is handed over
        self.outfit = {}  # attributes for an uplink that knows them: clock, restart, on_block

    def unpack(self, session):
        """Keeps the session for later."""
        self._session = session

    def pack(self):
        """The session as it is now; None when there is none."""
        return self._uplink.pack() if self._uplink else self._session

    @property
    def uplink(self):
        """The uplink itself."""
        if self._uplink is None:
            name = _MODULES[self._config["kind"]]
            for key, extra in _EXTRA.items():
                if self._config.get(key):
                    name = extra
            # What stays is put where garbage was: a wake that sends may have commands and updates to load, which want large pieces.
            gc.collect()
            gc.threshold(_GARBAGE_BYTES)
            module = __import__(name, None, None, ("Uplink",))
            uplink = module.Uplink(self._config, self._load_identity(), self._board, self._store)
            if self._session:
                if self.on_open:
                    self.on_open()
                uplink.unpack(self._session)
            for key, value in self.outfit.items():
                if hasattr(uplink, key):
                    setattr(uplink, key, value)
            self._uplink = uplink
        return self._uplink

    @property
    def opened(self):
        """The uplink, or None while nobody needed it."""
        return self._uplink

    @property
    def idle(self):
        """True when nobody needed it in this life."""
        return self._uplink is None

    def take_rssi(self):
        """dBm of a downlink heard since the last call, or None; a bearer without gateways has none."""
        take = getattr(self._uplink, "take_rssi", None)
        rssi = take() if take else None
        if rssi is not None:
            self.heard = rssi
        return rssi

    # -- what some uplinks do by themselves: answer, listen between two readings ------------------------------------------------

    def due_ms(self):
        """Milliseconds until tend() has something to do; None: nothing, as far as is known."""
        due = getattr(self._uplink, "due_ms", None)
        return due() if due else None

    @property
    def tends(self):
        """True for an open uplink that acts, and hears, by itself."""
        return hasattr(self._uplink, "tend")

    def tend(self):
        """Does what is due. Raises UplinkError."""
        self._uplink.tend()

    def wait(self, ms):
        """Waits, RAM kept; an uplink that listens meanwhile may end it early."""
        getattr(self._uplink, "wait", self._board.idle_ms)(ms)

    def sleep(self):
        # After power-on a radio idles at hundreds of uA until someone tells it to sleep.
        if self._uplink or not self._session:
            self.uplink.sleep()
