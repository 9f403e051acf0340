"""The life of changed configuration on a node: laid over node.json, tried, confirmed or taken back; and overrides with an expiry.

Across deep sleep the retained section "cfg" carries it: CBOR [end of the trial, end of the override, its values, the blob on flash].
A loss of power ends an override; a trial lives on, its time begins anew, and a node that starts too often within one takes it back.
"""

from kerb import log
from kerb.cbor import decode, encode
from kerb.clock import mono_ms
from kerb.commands import KINDS, Refused
from kerb.errors import KerbError
from kerb.settings import NAME, Settings, app_of, checked, lay_over, tried
from kerb.tell import ANSWER, CRASH, HEALTH, LOG, UPDATE

_NONE = len(KINDS)  # of the channel `command`
_SERVICE = (ANSWER, HEALTH, CRASH, LOG, UPDATE, 14)  # what proves nothing about the application
_FAR_MS = 86400000


def _now_s():
    return mono_ms() // 1000


def fall_back(store):
    """After a crash: ends a trial. What the retained section is to be then, None if it stays."""
    settings = Settings(store, store.get(NAME))
    if not settings.on_trial:
        return None
    log.event("config", "reverted", settings.version)
    settings.revert(True)
    return encode([0, 0, {}, settings.raw])


class Overlay:
    def __init__(self, node, raw=b"", warm=False):
        self._node = node
        self._base = node.config
        self._until = self._over_until = 0  # mono s
        self._over = {}
        if warm:
            self._until, self._over_until, self._over, raw = decode(raw)
        self.settings = Settings(node.store, raw)
        node.config = lay_over(self._base, self._values())

    def start(self, warm):
        """After the node is put together: what a start means for a trial."""
        self._node.delivery.on_receipt = self.acknowledged
        fallen = self.settings.reverted()
        if fallen:
            self._node.far.secure("revert")
            self._node.far.tell(_NONE, "reverted", fallen)
        if not warm and self.settings.on_trial:
            self._until = _now_s() + self.settings.trial_s
            if self.settings.count_start():
                self._node.far.ask()
            else:
                self._take_back()

    def _values(self):
        values = dict(self.settings.values())
        values.update(self._over)
        return values

    def pack(self):
        return encode([self._until, self._over_until, self._over, self.settings.raw])

    def keep(self):
        """In retained memory from here: a reset before the next save must not find what was before."""
        self._node.retained.put("cfg", self.pack())
        self._node.retained.save()

    @property
    def version(self):
        return self.settings.version

    @property
    def on_trial(self):
        return self.settings.on_trial

    # -- what commands do ---------------------------------------------------------------------------------

    def configure(self, version, given, seconds):
        """Phase one: on flash, then in force. Raises Refused, with nothing changed."""
        node = self._node
        module, defaults = app_of(self._base)
        values = checked(self._base, defaults, given)
        left = {name: value for name, value in values.items() if value is not None}
        tried(lay_over(lay_over(self._base, self.settings.values()), left), module)
        node.outbox.names()
        self.settings.propose(version, values, node.outbox.next_seq, seconds)
        self._until = _now_s() + seconds
        self._apply()
        node.far.ask()

    def override(self, given, seconds):
        """Values in force until their time is over or power is lost."""
        module, defaults = app_of(self._base)
        values = checked(self._base, defaults, given)
        if None in values.values():
            raise Refused("bad_value")
        tried(lay_over(lay_over(self._base, self.settings.values()), values), module)
        self._over = values
        self._over_until = _now_s() + seconds
        self._apply()

    # -- what time and receipts do ------------------------------------------------------------------------

    def acknowledged(self, record):
        """Phase two: a reading made with the new values has arrived."""
        if self.settings.on_trial and record.seq >= self.settings.first_record and record.frame[0] >> 4 not in _SERVICE:
            self.settings.confirm()
            self.keep()
            log.event("config", "confirmed", self.version)
            self._node.far.tell(_NONE, "confirmed")

    def next_ms(self, now_ms):
        """ms until tick() has something to do."""
        ends = [end for end, on in ((self._until, self.on_trial), (self._over_until, self._over)) if on]
        return max(min(ends) * 1000 - now_ms, 0) if ends else _FAR_MS

    def tick(self):
        now = _now_s()
        if self.settings.on_trial and now >= self._until:
            self._take_back()
        if self._over and now >= self._over_until:
            self._over = {}
            log.event("config", "override ends")
            self._apply()
            self._node.far.tell(_NONE, "ends")

    def _take_back(self):
        tried_version = self.version
        self.settings.revert()
        log.event("config", "reverted", tried_version)
        self._node.far.secure("revert")
        self._apply()
        self._node.far.tell(_NONE, "reverted", tried_version)

    def _apply(self):
        """The application with other settings takes up the state of the one before."""
        node = self._node
        self.keep()
        node.config = lay_over(self._base, self._values())
        try:
            state = node.app.pack()
            app = node._make_app()
            app.unpack(state)
            if hasattr(app, "inherit"):
                app.inherit(node.app)  # what it does not keep across a restart, and still means to do
            node.app = app
        except (KerbError, ValueError, TypeError, IndexError) as error:
            log.event("note", "configuration", error)  # it was tried before it came here
        for name, part in node.parts.items():
            part.period_s = node.config["parts"][name]["period_s"]
            node.sampler.hurry(name, _now_s())
