"""Many LoRaWAN nodes in one process: the firmware's own MAC (kerb.uplink.lorawan) under CPython, each in a thread that the kernel resumes.

Air, gateways and network server are the emulator's; what is left out is the rest of the board: interpreter, sleep, chip of the radio,
sensors. `city_firmware.py` has all of it, at sixty times the price.
"""

from __future__ import annotations

import math
import random
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "firmware"), str(Path(__file__).parents[2] / "firmware")]
from lorawan_network import crypto  # lends the firmware its AES, and must come before it

# isort: split
from kerb import log
from kerb.uplink.lorawan import mac
from kerb.uplink.lorawan.uplink import Uplink
from kerbstone.build.regions import region_table
from kerbstone.emulator.air import lora
from kerbstone.emulator.air.channel import Transmission
from kerbstone.emulator.air.plan import plan
from kerbstone.emulator.air.statistics import air_figures
from kerbstone.emulator.identity import mint
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.radio_cell import ORIGIN, Place, RadioCell
from kerbstone.emulator.run import START_UTC

HOUR_US = 3_600_000_000
_WRAP = 1 << 30  # ticks of MicroPython
_NOISE_FIGURE_DB = 6.0  # SX1262, boosted gain
_LOCK_SYMBOLS = 5
FULL, STATE = bytes(4), bytes(2)  # as long as the messages of a parking bay
EVENTS_AN_HOUR = 0.5  # cars that come or go


def _silent(*_words: object) -> None:
    """What nodes write on their consoles."""


class Over(BaseException):
    """The run has ended: unwinds what a node was doing."""


class Fiber:
    """Code that waits in virtual time; only one of all fibers and the kernel runs at a time."""

    def __init__(self, kernel: Kernel, body: Callable[[Fiber], None]):
        self.kernel = kernel
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._body, self._over = body, False
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self._over:
                self._body(self)
        except Over:
            pass
        except BaseException as error:  # handed to whoever ends the run
            self.failure = error
        self._back.release()

    def resume(self) -> None:
        """Called by the kernel: lets the fiber run until it waits again."""
        self._go.release()
        self._back.acquire()

    def wait_until(self, t_us: int) -> None:
        """Called in the fiber."""
        self.kernel.at(t_us, self.resume)
        self._back.release()
        self._go.acquire()
        if self._over:
            raise Over

    def end(self) -> None:
        self._over = True
        if self._thread.is_alive():
            self.resume()
            self._thread.join()
        if self.failure:
            raise self.failure


class Clock:
    """`time` as the MAC uses it, for all nodes alike: they have no drift."""

    def __init__(self, kernel: Kernel):
        self._kernel = kernel

    def ticks_us(self) -> int:
        return self._kernel.now % _WRAP

    def ticks_ms(self) -> int:
        return self._kernel.now // 1000 % _WRAP

    def ticks_diff(self, a: int, b: int) -> int:
        return (a - b + _WRAP // 2) % _WRAP - _WRAP // 2

    def ticks_add(self, a: int, b: int) -> int:
        return (a + b) % _WRAP


class Known(dict[str, bytes]):
    """An identity."""

    def key(self, name: str, size: int) -> bytes:
        return self[name]


class Radio:
    """A radio driver's face over the channel."""

    wake_ms = 13

    def __init__(self, node: Node):
        self._node = node
        self._tuned = (0, 0, 0, 0.0)

    def configure_tx(self, hz: int, row: list[int], dbm: float) -> None:
        self._tuned = (hz, row[0], row[1], dbm)

    def transmit(self, data: bytes) -> int:
        hz, sf, bw, dbm = self._tuned
        node, now = self._node, self._node.fiber.kernel.now
        end = now + lora.airtime_us(len(data), sf, bw)
        node.cell.channel.transmit(
            Transmission(now, end, hz, sf, bw, 1, 0x34, False, True, dbm, bytes(data), node.name, ldro=lora.needs_ldro(sf, bw))
        )
        node.fiber.wait_until(end)
        return end % _WRAP

    def receive(
        self, hz: int, row: list[int], symbols: int, timeout_ms: int, inverted: bool, at_us: int
    ) -> tuple[bytes, int, int, int] | None:
        node, kernel = self._node, self._node.fiber.kernel
        sf, bw = row[0], row[1]
        opens = kernel.now + max((at_us - kernel.now + _WRAP // 2) % _WRAP - _WRAP // 2, 0)
        closes = opens + lora.symbols_us(symbols, sf, bw)
        node.fiber.wait_until(closes)
        air = node.cell.channel
        for tx in air.on_air_now():
            heard = (tx.freq_hz, tx.sf, tx.bw_hz, tx.iq_inverted) == (hz, sf, bw, inverted)
            lock = lora.symbols_us(_LOCK_SYMBOLS, sf, bw)
            if not heard or not opens + lock <= tx.preamble_end_us or tx.start_us + lock > closes:
                continue
            got = air.reception(tx, node.name, _NOISE_FIGURE_DB)
            if got.audible(sf):
                node.fiber.wait_until(tx.end_us)
                if not air.disturbed(tx, node.name, tx.start_us, tx.end_us):
                    return tx.payload, round(got.packet_rssi_dbm), round(got.snr_db), tx.end_us % _WRAP
                break
        return None

    def clear(self, hz: int, row: list[int], limit_dbm: int, ms: int) -> bool:
        """After a search that found nobody: nobody sends. It costs its time."""
        self._node.fiber.wait_until(self._node.fiber.kernel.now + ms * 1000)
        return True

    def sleep(self) -> None:
        pass


class Node:
    """One node: its board for the MAC (`idle_ms`, `mono`, `battery`), its flash (`get`, `put`), and what it reports."""

    def __init__(self, cell: RadioCell, kernel: Kernel, name: str, identity: Known, config: dict[str, Any], seed: int, period_us: int):
        self.cell, self.name, self._identity, self._config = cell, name, identity, config
        self._rng, self._period_us = random.Random(f"{seed}{name}"), period_us
        self._blobs: dict[str, bytes] = {}
        self.fiber = Fiber(kernel, self._live)
        kernel.at(self._rng.randrange(period_us), self.fiber.resume)

    def idle_ms(self, ms: int) -> None:
        self.fiber.wait_until(self.fiber.kernel.now + ms * 1000)

    def mono(self) -> int:
        return self.fiber.kernel.now // 1_000_000

    def battery(self) -> int:
        return 200

    def get(self, name: str) -> bytes | None:
        return self._blobs.get(name)

    def put(self, name: str, data: bytes) -> None:
        self._blobs[name] = bytes(data)

    def _live(self, fiber: Fiber) -> None:
        uplink = Uplink(self._config, self._identity, self, self, Radio(self))
        kernel, rng = fiber.kernel, self._rng
        heartbeat = event = kernel.now
        while True:
            while not uplink.connect():
                fiber.wait_until(kernel.now + max(uplink.retry_after_s(), 60) * 1_000_000)
            payload, priority = (FULL, 2) if heartbeat <= event else (STATE, 1)
            uplink.send(payload, priority, False)
            if payload is FULL:
                heartbeat = max(heartbeat + self._period_us, kernel.now)
            else:
                event = kernel.now + round(rng.expovariate(EVENTS_AN_HOUR) * HOUR_US)
            while uplink.receive():
                pass
            fiber.wait_until(min(heartbeat, event))


def live(
    count: int, hours: float, adr: bool, dr: int | None, seed: int = 1, radius_m: float = 1500.0, period_s: int = 3600,
    gateways: tuple[Place, ...] = (ORIGIN,), warm_up_h: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """Figures of a run; the first `warm_up_h` hours are left out of them."""
    kernel, rng = Kernel(), random.Random(seed)
    cell = RadioCell(kernel, seed, START_UTC, places=gateways)
    dice = random.Random(seed)
    mac.time, crypto.urandom, log.event = Clock(kernel), dice.randbytes, _silent
    config = {"region": region_table("EU868"), "adr": adr} | ({} if dr is None else {"dr": dr})
    nodes = []
    try:
        for i in range(count):
            name = f"bay-{i:03}"
            cell.channel.place_around(name, max(10.0, radius_m * math.sqrt(rng.random())))
            who = mint(seed, name)
            cell.enrol(name, who, plan("EU868"))
            keys = Known({key: bytes.fromhex(getattr(who, key)) for key in ("dev_eui", "join_eui", "app_key")})
            nodes.append((Node(cell, kernel, name, keys, config, seed, period_s * 1_000_000), who.dev_eui))
        cell.start()
        from_us, until_us = int(warm_up_h * HOUR_US), int(hours * HOUR_US)
        kernel.run(until_us)
        known = [cell.network(eui) for _, eui in nodes]
        return air_figures([e for e in kernel.log.events if e[0] >= from_us], until_us - from_us) | {
            "nodes": count, "joined": sum(bool(n["counts"].get("joins")) for n in known),
            "rate_commands": sum(n["counts"].get("LinkADRReq", 0) for n in known),
        }  # fmt: skip
    finally:
        for node, _ in nodes:
            node.fiber.end()
        cell.close()
