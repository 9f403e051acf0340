"""The way to the broker."""

from __future__ import annotations

from collections.abc import Callable

from kerbstone.emulator.faults.model import End, Target


def trouble(kind: str, breaks: bool) -> Callable[[Target], End]:
    """A fault of the node's sockets (see net.sockets.TROUBLES). `breaks`: connections end when it begins; they always do when it ends."""

    def begin(target: Target) -> End:
        sockets = target.node.sockets
        assert sockets is not None  # checked: the node uses MQTT
        if breaks:
            sockets.break_connections()
        sockets.trouble = kind

        def end() -> None:
            sockets.trouble = ""
            sockets.break_connections()

        return end

    return begin


def slow(target: Target) -> End:
    """broker_slow: answers take their time."""
    sockets = target.node.sockets
    assert sockets is not None  # checked: the node uses MQTT
    before, sockets.slow_us = sockets.slow_us, int(target.values["by"])

    def end() -> None:
        sockets.slow_us = before

    return end


def wifi_away(target: Target) -> End:
    """wifi_away: the access point is gone."""
    wifi = target.node.wifi
    assert wifi is not None  # checked: the node uses MQTT
    wifi.leave()

    def end() -> None:
        wifi.in_range = True

    return end
