"""Check sums and time on air: kerb.drivers.crc, kerb.radio.airtime."""

from kerb.drivers.crc import check_words, crc8
from kerb.radio.airtime import time_on_air_us


def _crc8(i):
    data = bytes.fromhex(i["bytes"])
    return "%02X" % crc8(data, 0, len(data))


def _word_check(i):
    word = bytes.fromhex(i["word_crc"])
    return len(word) > 0 and len(word) % 3 == 0 and check_words(word, len(word) // 3)


def _air(i, length, bw_hz):
    coding = int(i["cr"][2]) - 4
    return time_on_air_us(length, i["sf"], bw_hz, coding, i["preamble"], i["explicit_header"], i["crc"], i.get("ldro"))


KINDS = {
    "crc8_sensirion": _crc8,
    "crc8_sensirion_word_check": _word_check,
    "lora_airtime_ms": lambda i: _air(i, i["phy_payload"], int(i["bw_khz"] * 1000)) / 1000,
    "lora_airtime_us": lambda i: {"airtime_us": _air(i, i["phy_len"], i["bw_hz"])},
}
