"""Sensors that go on answering but no longer measure, and clocks that lie."""

from __future__ import annotations

import random

from kerbstone.emulator.faults.model import End, Target
from kerbstone.emulator.modems.modem import Modem
from kerbstone.emulator.world.ageing import AgedSite
from kerbstone.emulator.world.site import Site, SiteOver

_NEVER_US = 1 << 60


class StillSite(SiteOver):
    """The surroundings as they were when the fault began."""

    def __init__(self, site: Site, t_us: int):
        super().__init__(site)
        self._t_us = t_us

    def read(self, quantity: str, t_us: int) -> float:
        return self._site.read(quantity, self._t_us)

    def next_change(self, t_us: int) -> int:
        return _NEVER_US

    def changing_until(self, t_us: int) -> int:
        return t_us


class StillNoise(random.Random):
    """No noise: a frozen part repeats its value to the last bit."""

    def random(self) -> float:
        return 0.5

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        return mu


def frozen(target: Target) -> End:
    """sensor_frozen"""
    part = target.node.parts[str(target.values["part"])]
    site, rng, noise = part.site, part.rng, part.noise
    part.site, part.rng, part.noise = StillSite(site, target.kernel.now), StillNoise(), StillNoise

    def end() -> None:
        part.site, part.rng, part.noise = site, rng, noise

    return end


def ageing(target: Target) -> End:
    """sensor_ageing"""
    part = target.node.parts[str(target.values["part"])]
    site = part.site
    part.site = AgedSite(site, target.kernel.now, float(target.values["loss_pct"]), float(target.values["zero"]))

    def end() -> None:
        part.site = site

    return end


def rtc_slip(target: Target) -> End:
    """rtc_slip: the slow oscillator runs fast (or slow, below 0) by so many millionths."""
    timing, before = target.node.timing, target.node.device.spec.rtc_ppm
    timing.slip(float(target.values["ppm"]))
    return lambda: timing.slip(before)


def clock_step(target: Target) -> End:
    """clock_step: the network tells a wrong time; MQTT nodes ask SNTP, LoRaWAN nodes their network server, modems their cell."""
    by_us = int(float(target.values["by_s"]) * 1e6)
    sockets, server, modem = target.node.sockets, target.scene.radio.server, target.node.parts.get("modem")

    def step(us: int) -> None:
        if isinstance(modem, Modem):
            modem.cell.clock_step_us += us
        elif sockets:
            sockets.clock_step_us += us
        elif server:
            server.step_clock(target.node.identity.dev_eui, us)

    step(by_us)
    return lambda: step(-by_us)
