"""Configuration the far end has changed: what is confirmed, and what is on trial until a report made with it was acknowledged.

One blob on flash, a CBOR map: "v" the confirmed version, "c" its values by name, and during a trial "t": its version, "n" its values,
"s" the number of the first record made with it, "b" how often the node has started since, "k" how many seconds it may last;
"r" the version of a trial that ended in a crash, until that was told. A name is a setting of the application, or PART.period_s.
A number with a fraction travels as text.
"""

from kerb.cbor import decode, encode
from kerb.commands import Refused, whole
from kerb.errors import KerbError

NAME = "conf"
STARTS = 3  # of the node within a trial; more are a node that does not come to report
_LONGEST_S = 2678400  # 31 days, of a period
_SHORTEST_S = 10
_PERIODS = ("report_s", "heartbeat_s", "period_s")


class Settings:
    def __init__(self, store, raw=None):
        self._store = store
        self.raw = raw or b""
        self._state = self._read(self.raw)

    def _read(self, raw):
        try:
            state = decode(raw)
            if isinstance(state, dict) and isinstance(state["c"], dict) and isinstance(state["v"], int):
                return state
        except (ValueError, KeyError):
            pass
        return {"v": 0, "c": {}}

    def _write(self):
        raw = encode(self._state)
        self._store.put(NAME, raw)
        self.raw = raw

    @property
    def version(self):
        """Of what the node runs."""
        return self._state.get("t", self._state["v"])

    @property
    def on_trial(self):
        return "t" in self._state

    @property
    def trial_s(self):
        return self._state["k"]

    @property
    def first_record(self):
        return self._state["s"]

    def values(self):
        """What is to be laid over node.json."""
        return self._state["n"] if self.on_trial else self._state["c"]

    def propose(self, version, values, record, seconds):
        """Begins a trial of the confirmed values with `values` over them; on flash when it returns. A value of None removes one."""
        if self.on_trial:
            raise Refused("busy")
        if version <= self._state["v"]:
            raise Refused("old_version", self._state["v"])
        new = dict(self._state["c"])
        for name, value in values.items():
            if value is None:
                new.pop(name, None)
            else:
                new[name] = value
        before = dict(self._state)
        self._state.update({"t": version, "n": new, "s": record, "b": 0, "k": seconds})
        try:
            self._write()
        except OSError:
            self._state = before
            raise Refused("failed")

    def confirm(self):
        """The trial is over and has shown that the node can report."""
        state = self._state
        self._state = {"v": state["t"], "c": state["n"]}
        self._write()

    def revert(self, later=False):
        """The trial is over, and was in vain. Its version may be offered again. `later`: the next start is to tell it."""
        state = self._state
        self._state = {"v": state["v"], "c": state["c"]}
        if later:
            self._state["r"] = state["t"]
        self._write()

    def reverted(self):
        """The version that ended in a crash, once; 0 for none."""
        version = self._state.pop("r", 0)
        if version:
            self._write()
        return version

    def count_start(self):
        """The node starts within a trial: false when it did so too often."""
        self._state["b"] += 1
        if self._state["b"] > STARTS:
            return False
        self._write()
        return True


def lay_over(config, values):
    """node.json's dict with the values in it; the one given stays as it is."""
    new = dict(config)
    new["app_settings"] = dict(config["app_settings"])
    new["parts"] = dict(config["parts"])
    for name, value in values.items():
        part, _, key = name.partition(".")
        if not key:
            new["app_settings"][name] = value
        elif part in new["parts"]:
            new["parts"][part] = dict(new["parts"][part])
            new["parts"][part][key] = value
    return new


def checked(config, defaults, given):
    """The values of a command in the kinds the application has. Raises Refused with the place of the name that is wrong."""
    values = {}
    for place, (name, value) in enumerate(sorted(given.items(), key=lambda item: encode(item[0])) if isinstance(given, dict) else ()):
        if not isinstance(name, str):
            raise Refused("no_key", place)
        part, _, key = name.partition(".")
        if key:
            if key != "period_s" or part not in config["parts"]:
                raise Refused("no_key", place)
            kind: object = 1
        elif name in defaults:
            kind = defaults[name]
        else:
            raise Refused("no_key", place)
        values[name] = None if value is None else _of_kind(kind, name, value, place)
    if not values:
        raise Refused("bad_value")
    return values


def _of_kind(example, name, value, place):
    if isinstance(example, float) and isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise Refused("bad_value", place)
        if value - value != 0:
            raise Refused("bad_value", place)
        return value
    if isinstance(example, float) and whole(value, -(1 << 30), 1 << 30):
        return value
    if type(example) is not type(value):
        raise Refused("bad_value", place)
    if isinstance(value, int) and not isinstance(value, bool):
        least, most = -(1 << 30), 1 << 30
        if name.endswith("_s"):
            # A node that reports every second is a node without a battery.
            least, most = _SHORTEST_S if name.endswith(_PERIODS) else 0, _LONGEST_S
        if not least <= value <= most:
            raise Refused("bad_value", place)
    return value


def app_of(config):
    """(module of the application, its settings' defaults)."""
    name = config["app"]
    module = __import__("kerb.apps." + name, None, None, (name,))
    return module, getattr(module, "DEFAULTS", {})


def tried(config, module):
    """The application built with the configuration. Raises Refused when it does not take it."""
    try:
        return module.App(config["app_settings"])
    except (KerbError, ValueError, TypeError, IndexError, KeyError, AttributeError):
        raise Refused("bad_value")
