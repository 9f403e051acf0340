"""What a modem says of the network: registration, signal, time (3GPP TS 27.007). Pure functions; None where a line says nothing usable."""

from kerb.modem import timers

HOME = (1, 5)  # registered, at home or roaming
DENIED = 3
_EARLIEST = 1735689600  # 2025-01-01: an earlier clock has not been set
_MONTHS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def fields(line):
    """What stands behind the colon, split at commas, without quotes and spaces."""
    return [field.strip().strip('"') for field in line[line.find(":") + 1 :].split(",")]


def is_read(line):
    """True for the answer to AT+CEREG?, which has the mode before the state; the URC has not, and its second field is a string."""
    behind = line[line.find(":") + 1 :].split(",")
    return len(behind) > 1 and behind[0].strip().isdigit() and behind[1].strip().isdigit()


class Registration:
    """`state` as TS 27.007 7.1: 0 none, 1 home, 2 searching, 3 denied, 4 out of coverage, 5 roaming. `cell`: its number, or 0.
    `active_s`, `tau_s`: T3324 and T3412 as granted; None: not, or the line does not say.
    """

    def __init__(self, line):
        got = fields(line)
        if is_read(line):
            got.pop(0)
        self.state = int(got[0]) if got[0].isdigit() else 0
        self.cell = _hex(got[2]) if len(got) > 2 else 0
        self.active_s = self.tau_s = None
        # Modems leave fields out or have one more: only the two timers are eight bits long, the active time first.
        bits = [field for field in got[3:] if len(field) == 8 and not field.strip("01")]
        if len(bits) >= 2:
            self.active_s = timers.decode(timers.T3324, bits[-2])
            self.tau_s = timers.decode(timers.T3412, bits[-1])

    @property
    def registered(self):
        return self.state in HOME


def utc(line, local):
    """Seconds since 1970 of `+CCLK: "yy/MM/dd,hh:mm:ss+zz"`, or None; zz are quarters of an hour to UTC. `local`: the time is that of
    the zone, which must be there then.
    """
    text = line[line.find(":") + 1 :].strip().strip('"')
    date, _, clock = text.partition(",")
    clock = clock.split(",")[0].strip('"')
    zone = 0
    for sign in "+-":
        clock, found, quarters = clock.partition(sign)
        if found:
            zone = _int(quarters)
            if zone is None or zone > 96:
                return None
            zone = -zone if sign == "-" else zone
            break
    else:
        if local:
            return None
    parts = [_int(number) for number in date.split("/") + clock.split(":")]
    if len(parts) != 6 or None in parts:
        return None
    year, month, day, hour, minute, second = parts
    if 70 <= year < 100:
        return None  # 80/01/06 and 70/01/01 are where unset clocks begin
    year += 2000 if year < 100 else 0
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61 and year < 2100):
        return None
    leap = 1 if year % 4 == 0 and month > 2 else 0
    days = (year - 1970) * 365 + (year - 1969) // 4 + _MONTHS[month - 1] + leap + day - 1
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - (zone * 900 if local else 0)
    return seconds if seconds >= _EARLIEST else None


def _hex(text):
    try:
        return int(text, 16) & 0xFFFFFFFF
    except ValueError:
        return 0


def _int(text):
    return int(text) if text.isdigit() else None


def signal(line, where):
    """{name: number} of a line of signal figures. `where`: {name: (field, factor, divisor, offset)}; a field that is no number, or "not
    known" (255 of a table with an offset), is left out.
    """
    got = fields(line)
    found = {}
    for name, (at, factor, divisor, offset) in where.items():
        text = got[at] if at < len(got) else ""
        try:
            number = float(text) if "." in text else int(text)
        except ValueError:
            continue
        if -1000 < number < 1000 and not (number == 255 and offset):
            found[name] = int(number * factor // divisor + offset)
    return found
