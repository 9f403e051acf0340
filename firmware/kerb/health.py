"""The health report of a node: one message of the profile `health`, when it is asked for and, riding on an uplink, once a period."""

import gc
import os
from struct import pack

from kerb import coverage, crashes, cycle, forecast, log
from kerb.clock import mono_ms
from kerb.stamp import STAMP_BYTES
from kerb.tell import HEALTH, HEALTH_BITS, HEALTH_REVISION, frame

_MODES = ("normal", "trial", "safe")  # of the channel `mode`
_SLIP_PPM = 200000  # the channel clock_slip_ppm reaches so far to both sides, in steps of 10
_LIFE = 100000  # erases a block of flash is rated for: W25Q16JV data sheet rev. H, "minimum 100K program-erase cycles"
_AGAIN_S = 3600  # until the next look, where the bearer's frames are too short today
_PARTS = 15
_COMMITS_AN_ERASE = 25  # of littlefs with small files in blocks of 4 KB: 21 to 38 on the emulator, by node


def battery_code(volt):
    """The code of the channel battery_v: steps of 0.04 V from 2 V."""
    return None if volt is None else max(int((volt - 2.0) / 0.04 + 0.5), 0)


def _battery_days(node):
    curve_mv, volt, now = cycle.settings().get("curve_mv"), node.env.get("battery_v"), node.clock.now()
    if not curve_mv or volt is None or now.utc is None:
        return None
    return forecast.look(node.store, curve_mv, now.utc // 3600, int(volt * 1000))


def _wear(node):
    """The code of flash_wear_ppm, in quarters: the share of its life the flash has used up, spread evenly as littlefs does."""
    written = node.written()
    try:
        node.store.put("wear", pack("<I", written))
    except OSError as error:
        log.trouble("flash", error)
    return int(written / _COMMITS_AN_ERASE * (4000000 / _LIFE) / os.statvfs("/")[2])


def _failing(node):
    """A bit each for the parts that do not answer, in the order of the node file."""
    return sum([1 << i for i, name in enumerate(node.config["order"][:_PARTS]) if node.parts[name].failing])


def report(node):
    """The message."""
    gc.collect()
    overlay, clock = node.overlay, node.clock
    mode = "safe" if node.safe else "trial" if overlay and overlay.on_trial else "normal"
    _, powered, other, watchdog = cycle.read(node.store)
    log_count, log_head = node.far.security.state()[:2]
    links = [coverage.of(way) for way in node.ways] + [(None, None, None)]
    values = (
        _MODES.index(mode),
        overlay.version if overlay else 0,
        powered,
        other,
        crashes.total(node.store),
        sum([part.failing for part in node.parts.values()]),
        len(node.outbox),
        node.outbox.next_seq & 0xFFFFF,
        clock.error_ms() // 1000 if clock.known else None,
        gc.mem_free() // 1024,
        log_count % 65535,
        int.from_bytes(log_head[:2], "big") % 65535,
        battery_code(node.env.get("battery_v")),
        _battery_days(node),
        watchdog,
        _failing(node),
        (min(max(clock.rate_ppm, -_SLIP_PPM), _SLIP_PPM) + _SLIP_PPM) // 10 if clock.known else None,
        _wear(node),
        links[0][0],
        links[0][1],
        links[0][2],
        links[1][0],
        links[1][2],
    )
    return frame(HEALTH, HEALTH_BITS, values, HEALTH_REVISION)


def scheduled(node):
    """The period is over and a bearer is open: reports, unless a better moment is near."""
    now = mono_ms() // 1000
    period_s = cycle.settings().get("period_s", 0)
    due_at = int.from_bytes(node.retained.get("hlt"), "little")
    way = node.ways[0]
    if way.down_at or len(node.outbox):
        return
    battery = [part for part in node.config["parts"].values() if part["driver"] == "battery"]
    if battery and "battery_v" not in node.env and now < due_at + period_s // 4:
        return  # a wake in which the battery is measured sends too
    message = None
    if way.uplink.mtu >= (sum(HEALTH_BITS) + 4 + 7) // 8 + 1 + STAMP_BYTES:
        message = report(node)
    node.retained.put("hlt", pack("<I", now + (period_s if message else _AGAIN_S)))
    if message:
        node.delivery.store(message, 2)
