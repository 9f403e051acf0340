"""Everything that can go wrong on the node, with the sentence a person reads."""


class KerbError(Exception):
    """Base of all errors the firmware raises on purpose."""


class ConfigError(KerbError):
    """node.json lacks a key or holds a value the firmware cannot use."""


class SensorError(KerbError):
    """A part did not answer as its data sheet says."""

    def __init__(self, part, where, cause):
        super().__init__("%s at %s: %s" % (part, where, cause))
        self.part = part
        self.where = where
        self.cause = cause


class RadioError(KerbError):
    """The radio or its wiring does not behave."""


class UplinkError(KerbError):
    """The bearer refused or lost the link; the outbox keeps the record."""


class ModemError(UplinkError):
    """A modem behind AT commands: `cause` is "silent" (no answer in time), "refused" (an error, `detail` has its line) or "restarted" (its
    boot message came instead)."""

    def __init__(self, command, cause, detail=""):
        super().__init__("modem: %s %s%s" % (command, cause, ": " + detail if detail else ""))
        self.cause = cause
        self.detail = detail
