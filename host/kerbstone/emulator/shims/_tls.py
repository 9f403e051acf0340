"""`tls` on an emulated board: the interpreter's own mbedTLS over the board's sockets.

Chain, name, signatures and keys are checked by mbedTLS; the dates of certificates also by the board's RTC, as on the ports (the
interpreter itself looks at the clock of the machine it runs on). The board is told what travels in clear, to know which answers are due.
"""

import io
import select
from binascii import hexlify
from time import rtc_us

import _link
import tls as _real
from _clocktime import seconds

CERT_NONE = _real.CERT_NONE
CERT_OPTIONAL = _real.CERT_OPTIONAL
CERT_REQUIRED = _real.CERT_REQUIRED
MBEDTLS_VERSION = _real.MBEDTLS_VERSION
PROTOCOL_TLS_CLIENT = _real.PROTOCOL_TLS_CLIENT
PROTOCOL_TLS_SERVER = _real.PROTOCOL_TLS_SERVER

_POLL = 3
_CLOSE = 4
_TOLD = 256  # bytes told at once


def _open(der, at):
    """(first byte, byte after the last) of the content of the DER value at `at`."""
    size = der[at + 1]
    at += 2
    if size & 128:
        more = size & 127
        size = int.from_bytes(der[at : at + more], "big")
        at += more
    return at, at + size


def _moment(text):
    """Seconds since 1970 of a UTCTime or GeneralizedTime (RFC 5280, 4.1.2.5)."""
    if len(text) == 13:
        text = (b"20" if text[0] < 53 else b"19") + text
    return seconds([int(text[:4])] + [int(text[i : i + 2]) for i in range(4, 14, 2)])


def _dates(der):
    """(not before, not after) of a certificate."""
    at = _open(der, _open(der, 0)[0])[0]
    for _ in range(4 if der[at] == 0xA0 else 3):  # version, serial number, algorithm, issuer
        at = _open(der, at)[1]
    at, end = _open(der, _open(der, at)[0])
    begins = _moment(der[at:end])
    at, end = _open(der, end)
    return begins, _moment(der[at:end])


class SSLContext:
    def __init__(self, protocol):
        self._context = _real.SSLContext(protocol)
        self._context.verify_callback = self._verify
        self._verdict = ""
        self.get_ciphers = self._context.get_ciphers
        self.set_ciphers = self._context.set_ciphers
        self.load_cert_chain = self._context.load_cert_chain
        self.load_verify_locations = self._context.load_verify_locations

    verify_mode = property(lambda self: self._context.verify_mode, lambda self, mode: setattr(self._context, "verify_mode", mode))
    psk_key = property(lambda self: self._context.psk_key, lambda self, key: setattr(self._context, "psk_key", key))
    psk_identity = property(lambda self: self._context.psk_identity, lambda self, name: setattr(self._context, "psk_identity", name))

    def _verify(self, certificate, depth):
        begins, ends = _dates(bytes(certificate))
        now = rtc_us() // 1000000
        if now < begins:
            self._verdict += "The certificate validity starts in the future\n"
        if now > ends:
            self._verdict += "The certificate validity has expired\n"
        return 0

    def wrap_socket(self, sock, *, server_side=False, do_handshake_on_connect=True, server_hostname=None):
        self._verdict = ""
        _link.ask("tls_begin", sock._id)
        stream = self._context.wrap_socket(sock, server_hostname=server_hostname)
        if self._verdict and self._context.verify_mode == CERT_REQUIRED:
            raise ValueError(self._verdict)
        _link.ask("tls_done", sock._id)
        return _Stream(stream, sock._id)


class _Stream(io.IOBase):
    def __init__(self, stream, number):
        self._stream = stream
        self._number = number
        self._poll = select._real.poll()
        self._poll.register(stream, 1)

    def _tell(self, what, data):
        for at in range(0, len(data), _TOLD):
            _link.ask(what, self._number, hexlify(data[at : at + _TOLD]).decode())

    def write(self, buf):
        self._tell("tls_sent", buf)
        return self._stream.write(buf)

    def readinto(self, buf):
        got = self._stream.readinto(buf)
        if got:
            self._tell("tls_got", memoryview(buf)[:got])
        return got

    def close(self):
        self._stream.close()

    def ioctl(self, op, arg):
        if op == _POLL:
            self._poll.modify(self._stream, arg)
            events = 0
            for entry in self._poll.ipoll(0):
                events |= entry[1]
            return events
        if op == _CLOSE:
            self.close()
        return 0
