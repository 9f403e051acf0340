"""Local clock time from UTC: a standard offset and a rule for summer time. Integers only."""

from kerb.errors import ConfigError

_DAY = 86400

# Rule: (month, which Sunday, second of the day) of begin and end, and whether that second is in UTC. Sunday 5 = the last one.
# eu: directive 2000/84/EC; us: Energy Policy Act of 2005, in local standard time (the end, 2:00 summer time, is 1:00 there).
_RULES = {
    "none": None,
    "eu": ((3, 5, 3600), (10, 5, 3600), True),
    "us": ((3, 2, 7200), (11, 1, 3600), False),
}


def check(rule):
    """Raises ConfigError if there is no such rule."""
    if rule not in _RULES:
        raise ConfigError("no summer time rule '%s'; take one of %s" % (rule, ", ".join(sorted(_RULES))))


def civil(day):
    """(year, month, day of the month) of a day counted from 1970-01-01."""
    # Years that begin in March put the leap day last, and the months then follow a straight line of 153 days in five.
    day += 719468
    era, doe = divmod(day, 146097)
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return era * 400 + yoe + (month <= 2), month, doy - (153 * mp + 2) // 5 + 1


def days(year, month, day):
    """Days from 1970-01-01 to a date."""
    if month <= 2:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469


def _sunday(year, month, which):
    """Day of the first, second ... or (5) last Sunday of a month."""
    first = days(year, month, 1)
    sunday = first + (3 - first) % 7  # 1970-01-01 was a Thursday: Sundays are days 3, 10, ...
    if which < 5:
        return sunday + 7 * (which - 1)
    length = days(year + month // 12, month % 12 + 1, 1) - first
    return sunday + (length - 1 - (sunday - first)) // 7 * 7


def offset_s(utc, standard_min, rule):
    """Seconds to add to UTC (seconds since 1970) for local time."""
    standard = standard_min * 60
    r = _RULES[rule]
    if r is None:
        return standard
    local = utc + standard
    year = civil(local // _DAY)[0]
    clock = utc if r[2] else local
    begin = _sunday(year, r[0][0], r[0][1]) * _DAY + r[0][2]
    end = _sunday(year, r[1][0], r[1][1]) * _DAY + r[1][2]
    return standard + (3600 if begin <= clock < end else 0)
