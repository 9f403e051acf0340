"""Sunrise, sunset and civil twilight: kerb.apps.algo.sun."""

from math import asin, cos, pi, sin

from kerb.apps.algo import sun

_EVENTS = {
    "sunrise": (sun.SUNRISE, True), "sunset": (sun.SUNRISE, False), "civil_dawn": (sun.CIVIL, True), "civil_dusk": (sun.CIVIL, False),
}  # fmt: skip
_DAY = 86400


def _found(i, altitude, rising):
    """Instants of the event in the window, whole seconds since 1970."""
    hits = []
    for day in range(i["start"] // _DAY - 1, i["end"] // _DAY + 2):
        state, seconds = sun.crossing(day, i["lat"], i["lon"], altitude, rising)
        at = day * _DAY + int(round(seconds))
        if state == sun.CROSSES and i["start"] <= at < i["end"]:
            hits.append(at)
    return hits


def _stands_above(i, altitude):
    """Whether the sun is above `altitude` in the middle of the window."""
    day, seconds = divmod((i["start"] + i["end"]) // 2, _DAY)
    declination, equation = sun.position(day, seconds)
    turn = (seconds - 43200 + 240 * i["lon"] + 240 * equation) / 240
    lat, d, hour = i["lat"] * pi / 180, declination * pi / 180, turn * pi / 180
    return asin(sin(lat) * sin(d) + cos(lat) * cos(d) * cos(hour)) * 180 / pi > altitude


def _event(i):
    altitude, rising = _EVENTS[i["event"]]
    hits = _found(i, altitude, rising)
    if hits:
        return {"state": "event", "unix_s": hits[0]}
    if _found(i, altitude, not rising):
        return {"state": "none_in_window"}
    return {"state": "always_above" if _stands_above(i, altitude) else "always_below"}


KINDS = {"sun_event": _event}
