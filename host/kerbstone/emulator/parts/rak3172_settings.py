"""Settings of the virtual RAK3172: values of the factory, and what each may be (RAKwireless "RUI3 AT Command Manual", RUI 4)."""

from __future__ import annotations

import re

# AT+BAND. EU433, CN470, RU864 (0, 1, 2) and LA915 (12) have no regional table here.
BANDS = {
    "3": "IN865", "4": "EU868", "5": "US915", "6": "AU915", "7": "KR920", "8": "AS923-1", "9": "AS923-2", "10": "AS923-3", "11": "AS923-4",
}  # fmt: skip
DEFAULTS = {
    "DEVEUI": "ac1f09fffe000001", "APPEUI": "ac1f09fff8683172", "APPKEY": "0" * 32, "NWM": "1", "NJM": "1", "CLASS": "A", "BAND": "4",
    "MASK": "0000", "ADR": "1", "DR": "0", "CFM": "0", "RETY": "0", "LPM": "0", "DCS": "1", "TXP": "0",
}  # fmt: skip
_EUI, _KEY, _SWITCH = re.compile("[0-9a-fA-F]{16}"), re.compile("[0-9a-fA-F]{32}"), re.compile("[01]")
CHECKS = {
    "DEVEUI": _EUI, "APPEUI": _EUI, "APPKEY": _KEY, "NWM": re.compile("1"), "NJM": re.compile("1"), "CLASS": re.compile("A"),
    "BAND": re.compile("|".join(BANDS)), "MASK": re.compile("[0-9a-fA-F]{4}"), "ADR": _SWITCH, "DR": re.compile("[0-7]"), "CFM": _SWITCH,
    "RETY": re.compile("[0-7]"), "LPM": _SWITCH, "DCS": _SWITCH, "TXP": re.compile("[0-9]|1[0-4]"),
}  # fmt: skip
SECRET = ("APPKEY",)
