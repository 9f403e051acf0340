"""AES-128 as LoRaWAN 1.0.x uses it: CMAC (RFC 4493), payload encryption, join accept, session keys.

Everything rests on single-block AES encryption. `aes(key, mode).encrypt(block)` comes from `cryptolib` on a board; where that
module is absent the caller sets `crypto.aes` to a class of the same shape.
"""

import os
from struct import pack

from micropython import const

try:
    from cryptolib import aes
except ImportError:
    aes = None

_ECB = const(1)

urandom = os.urandom


def random_below(n):
    """A random whole number from 0 to n - 1 (n up to 65536)."""
    return int.from_bytes(urandom(4), "little") % n


def block(key, data):
    """AES-128-ECB encryption of 16 bytes."""
    return aes(key, _ECB).encrypt(data)


def _double(number):
    """Doubling in GF(2^128), RFC 4493 section 2.3; 16 bytes as an integer."""
    number <<= 1
    return number ^ (1 << 128 | 0x87) if number >> 128 else number


def cmac(key, message):
    """AES-CMAC of a bytes-like message, 16 bytes (RFC 4493)."""
    encrypt = aes(key, _ECB).encrypt
    subkey = _double(int.from_bytes(encrypt(bytes(16)), "big"))
    size = len(message)
    if size % 16 or not size:
        subkey = _double(subkey) ^ 0x80 << 120 - size % 16 * 8  # with the padding
    subkey = subkey.to_bytes(16, "big")
    state = bytearray(16)
    for start in range(0, size or 1, 16):
        for i in range(min(16, size - start)):
            state[i] ^= message[start + i]
        if start + 16 >= size:
            for i in range(16):
                state[i] ^= subkey[i]
        state[:] = encrypt(state)
    return state


def _counter_block(kind, direction, dev_addr, fcnt, tail):
    """A_i or B_0 of LoRaWAN 1.0.4 sections 4.3.3 and 4.4; direction 0 = up, 1 = down."""
    return bytearray(pack("<BIBIIBB", kind, 0, direction, dev_addr, fcnt, 0, tail))


def crypt(key, direction, dev_addr, fcnt, data):
    """FRMPayload encrypted or decrypted (the same operation); returns a bytearray of len(data)."""
    encrypt = aes(key, _ECB).encrypt
    counter = _counter_block(1, direction, dev_addr, fcnt, 0)
    out = bytearray(data)
    for start in range(0, len(out), 16):
        counter[15] += 1
        stream = encrypt(counter)
        for i in range(start, min(start + 16, len(out))):
            out[i] ^= stream[i - start]
    return out


def data_mic(key, direction, dev_addr, fcnt, message):
    """MIC (4 bytes) of a data frame `message` = MHDR .. FRMPayload."""
    return cmac(key, _counter_block(0x49, direction, dev_addr, fcnt, len(message)) + message)[:4]


def open_join_accept(app_key, body):
    """Clear text of a join accept without its MHDR: the network used AES decryption, so the device encrypts."""
    out = b""
    for start in range(0, len(body), 16):
        out += block(app_key, body[start : start + 16])
    return out


def session_keys(app_key, join_nonce, net_id, dev_nonce):
    """(NwkSKey, AppSKey) of LoRaWAN 1.0.4 section 6.2.5; numbers as integers."""
    tail = pack("<IIH", join_nonce << 8, net_id, dev_nonce)
    tail = tail[1:7] + tail[8:] + bytes(7)
    return block(app_key, b"\1" + tail), block(app_key, b"\2" + tail)
