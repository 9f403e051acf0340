"""What each command does. A deed takes (node, body) and gives (result, detail); it raises Refused for a body it cannot use."""

from kerb.clock import mono_ms
from kerb.commands import Refused, whole

_LONGEST_MIN = 44640  # 31 days
_TRIAL_MIN = 60
_FLASH_BIT = 1 << 15


def _minutes(value):
    if not whole(value, 1, _LONGEST_MIN):
        raise Refused("bad_value")
    return value


def _report(node, body):
    node.far.ask()
    return "done", 0


def _order(node, level, minutes):
    if not hasattr(node.app, "order"):
        raise Refused("not_here")
    data = bytes((level,)) + (minutes.to_bytes(2, "big") if minutes else b"")
    node.carry_out(node.app.order(data, node.clock.now()))
    return "done", level


def _dim(node, body):
    level, minutes = body if isinstance(body, list) and len(body) == 2 else (body, 0)
    if level is None:
        return _order(node, 255, 0)
    if not whole(level, 0, 100):
        raise Refused("bad_value")
    return _order(node, level, _minutes(minutes) if minutes else 0)


def _pairs(flat):
    if not isinstance(flat, list) or len(flat) % 2:
        raise Refused("bad_value")
    for i in range(0, len(flat), 2):
        if not whole(flat[i], -1440, 1440) or not whole(flat[i + 1], 0, 100):
            raise Refused("bad_value")
        yield flat[i], flat[i + 1]


def _schedule(node, body):
    if not isinstance(body, list) or len(body) != 3 or not whole(body[0], 1, 65534):
        raise Refused("bad_value")
    rows: list = []
    for minute, level in _pairs(body[1]):
        if not 0 <= minute < 1440:
            raise Refused("bad_value")
        rows.append(["%02d:%02d" % (minute // 60, minute % 60), level])
    rows += [[minute, level] for minute, level in _pairs(body[2])]
    return _trial(node, body[0], {"schedule": rows}, _TRIAL_MIN)


def _configure(node, body):
    if not isinstance(body, list) or not 2 <= len(body) <= 3 or not whole(body[0], 1, 65534):
        raise Refused("bad_value")
    return _trial(node, body[0], body[1], _minutes(body[2]) if len(body) == 3 else _TRIAL_MIN)


def _trial(node, version, values, minutes):
    try:
        node.far.laid_over().configure(version, values, minutes * 60)
    except Refused:
        node.far.secure("config")
        raise
    return "trial", version


def _override(node, body):
    if not isinstance(body, list) or len(body) != 2:
        raise Refused("bad_value")
    minutes = _minutes(body[0])
    node.far.laid_over().override(body[1], minutes * 60)
    return "done", minutes


def _calibrate(node, body):
    if not hasattr(node.app, "calibrate"):
        raise Refused("not_here")
    node.app.calibrate()
    node.far.ask()
    return "done", 0


def _self_test(node, body):
    bits = 0
    for i, name in enumerate(node.config["order"]):
        part = node.parts.get(name)
        if part:
            node.sampler.again(name, 0)
            if part.failing and i < 15:
                bits |= 1 << i
    probe = mono_ms().to_bytes(8, "big")
    try:
        node.store.put("probe", probe)
        if node.store.get("probe") != probe:
            bits |= _FLASH_BIT
        node.store.remove("probe")
    except OSError:
        bits |= _FLASH_BIT
    return "failed" if bits else "done", bits


def _nothing():
    pass


def _reboot(node, body):
    if node.safe:
        from kerb import crashes

        crashes.forgive(node.store)
    node.far.desk.afterwards(_nothing)
    return "done", 0


def _identify(node, body):
    """A minute at a tenth: who stands below sees which lamp it is."""
    return _order(node, 10, 1)


def _health(node, body):
    node.far.tell_health()
    return "done", 0


def _crashes(node, body):
    from kerb import crashes

    return "done", crashes.tell(node)


def _log(node, body):
    from kerb import chainlog

    return "done", chainlog.tell(node, node.identity().key("device_key"), node.far.desk.device)


def _wipe(node, body):
    """The device's name must be given: one wrong command must not end a device."""
    if not isinstance(body, str) or body.encode() != node.far.desk.device:
        raise Refused("bad_value")
    from kerb.wipe import wipe

    node.far.secure("wipe")
    places = node.config.get("identity_at")
    if not places or _reachable():
        node.far.desk.afterwards(wipe)
        return "done", 0
    raise Refused("not_here")


def _reachable():
    """Whether the firmware can reach where the identity is: an RP2040's lies outside the file system, and only a cable gets there."""
    try:
        from esp32 import Partition  # noqa: F401
    except ImportError:
        return False
    return True


DEEDS = {
    "report": _report, "dim": _dim, "schedule": _schedule, "override": _override, "calibrate": _calibrate, "self_test": _self_test,
    "reboot": _reboot, "identify": _identify, "configure": _configure, "health": _health, "crashes": _crashes, "wipe": _wipe, "log": _log,
}  # fmt: skip
