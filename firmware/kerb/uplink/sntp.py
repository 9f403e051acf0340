"""One question to a time server (SNTP, RFC 4330 section 5; packet of RFC 5905 section 7.3), in integers only."""

import os
import socket
from struct import unpack_from
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from kerb.errors import UplinkError

_PORT = const(123)
_SIZE = const(48)
_TIMEOUT_MS = const(3000)
_STRAYS = const(4)  # packets that answer someone else's question, before we give up
_QUERY = const(0x23)  # no leap warning, version 4, mode 3 (client)
_1900_TO_1970 = 2208988800
_ERA_FROM = 3944678400  # 2025-01-01: stamps below belong to the era that begins in 2036


def parse(answer, nonce, round_trip_ms):
    """(utc s, ms) at the arrival of `answer`, or None when it answers another question.

    `nonce`: the 8 bytes of our transmit stamp, which the server must echo. Half of the time on the way is added: the round trip
    less the time the server kept the packet. UplinkError when the server has no time to give.
    """
    if len(answer) < _SIZE or answer[24:32] != nonce or answer[0] & 7 != 4:
        return None
    if answer[1] == 0:
        raise UplinkError("the time server turns us away: ask another, or less often")
    if answer[0] >> 6 == 3 or answer[1] > 15:
        raise UplinkError("the time server is not synchronised itself: ask another")
    arrived_s, arrived, sent_s, sent = unpack_from(">IIII", answer, 32)
    if not sent_s:
        raise UplinkError("the time server sent no time: ask another")
    kept_ms = (sent_s - arrived_s) * 1000 + (sent * 1000 >> 32) - (arrived * 1000 >> 32)
    if not 0 <= kept_ms <= round_trip_ms:
        kept_ms = 0  # a server that contradicts our clock is believed in its time, not in its delay
    if sent_s < _ERA_FROM:
        sent_s += 1 << 32
    ms = (sent * 1000 >> 32) + (round_trip_ms - kept_ms) // 2
    return sent_s - _1900_TO_1970 + ms // 1000, ms % 1000


def ask(host):
    """(utc s, ms, tick at which it was true), or None without an answer in 3 s. UplinkError when the server refuses."""
    nonce = os.urandom(8)
    query = bytearray(_SIZE)
    query[0] = _QUERY
    query[40:48] = nonce
    sock = None
    try:
        address = socket.getaddrinfo(host, _PORT, socket.AF_INET)[0][-1]
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asked = ticks_ms()
        end = ticks_add(asked, _TIMEOUT_MS)
        sock.sendto(query, address)
        for _ in range(_STRAYS):
            left = ticks_diff(end, ticks_ms())
            if left <= 0:
                break
            sock.settimeout(left / 1000)
            answer = sock.recvfrom(_SIZE)[0]
            now = ticks_ms()
            got = parse(answer, nonce, ticks_diff(now, asked))
            if got:
                return got[0], got[1], now
    except OSError:
        pass  # no route, no name or no answer: the node asks again later
    finally:
        if sock:
            sock.close()
    return None
