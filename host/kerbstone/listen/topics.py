"""Names of MQTT topics: `<prefix>/<device id>/up` carries records, `/down` commands, `/status` whether it is there (docs/mqtt.md)."""

from __future__ import annotations

from kerbstone.errors import BrokerError

_FORBIDDEN = frozenset("+#/\0")  # wildcards, separator and NUL (MQTT 3.1.1, 4.7)


def level(name: str, what: str) -> str:
    """`name` as one level of a topic. BrokerError when it cannot be one; `what` tells the reader which name that was."""
    if not name or _FORBIDDEN & set(name) or name.startswith("$"):
        raise BrokerError(f"The {what} {name!r} cannot be part of an MQTT topic: leave out +, #, / and a leading $.")
    return name


def up(prefix: str, device: str) -> str:
    return f"{level(prefix, 'topic prefix')}/{level(device, 'device id')}/up"


def down(prefix: str, device: str) -> str:
    return f"{level(prefix, 'topic prefix')}/{level(device, 'device id')}/down"


def status(prefix: str, device: str) -> str:
    """Retained: "online" or "offline", of a device whose node file says presence."""
    return f"{level(prefix, 'topic prefix')}/{level(device, 'device id')}/status"


def up_filter(prefix: str) -> str:
    """Subscription to the records of every device."""
    return f"{level(prefix, 'topic prefix')}/+/up"


def device_of(prefix: str, topic: str) -> str | None:
    """The device whose records this topic carries, or None when it is another topic."""
    levels = topic.split("/")
    if len(levels) == 3 and levels[0] == prefix and levels[2] == "up" and levels[1]:
        return levels[1]
    return None
