"""TLS around the connection to a broker: what is presented, what is checked, and the sentence when it is refused.

The port's mbedTLS checks the chain, the server's name and the dates (against its RTC, see `Clock.show_utc`). "server" checks the
server, "mutual" also shows our certificate, "psk" has both sides prove that they know a key (RFC 4279), which needs no certificate and
no clock. Identity: mqtt_ca, mqtt_cert, mqtt_key (DER, in hex), mqtt_psk_id (text), mqtt_psk (hex).
"""

import errno

import tls

from kerb.errors import ConfigError, UplinkError

# With ephemeral keys first where there are certificates; AES-GCM alone, since CBC has its known weaknesses.
_PSK_CIPHERS = ("TLS-PSK-WITH-AES-128-GCM-SHA256", "TLS-PSK-WITH-AES-256-GCM-SHA384")

_TIMED_OUT = (errno.ETIMEDOUT, 116)  # lwIP has a number of its own

# Part of what mbedTLS says of a certificate (x509_crt.c, x509_crt_verify_info) -> what to do
_VERDICTS = (
    ("expired", "its certificate has expired: renew it"),
    ("future", "its certificate is not valid yet: check the time server and the certificate"),
    ("expected CN", "its certificate is for another name: put that name into the node file"),
    ("not correctly signed", "its certificate is not of the authority this device knows: check mqtt_ca and the broker"),
)


def _der(identity, name):
    data = identity.key(name)
    if not data or data[0] != 0x30:
        raise ConfigError("identity value %s is no certificate or key in DER: provision the device again" % name)
    return data


class Secure:
    """Made once; `wrap(sock, host)` for each connection. ConfigError names what the identity lacks, and shows nothing of it."""

    def __init__(self, mode, identity):
        self.needs_clock = mode != "psk"
        self._context = context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        try:
            if mode == "psk":
                self._share_key(context, identity)
                return
            context.verify_mode = tls.CERT_REQUIRED  # type: ignore[attr-defined]
            context.load_verify_locations(_der(identity, "mqtt_ca"))
            if mode == "mutual":
                context.load_cert_chain(_der(identity, "mqtt_cert"), _der(identity, "mqtt_key"))
        except ValueError as error:
            raise ConfigError("the port's TLS cannot read what the identity has (%s): provision the device again" % error)

    def _share_key(self, context, identity):
        if not hasattr(context, "psk_key"):
            raise ConfigError("this MicroPython has no TLS-PSK: use 1.29 or newer, or tls mutual")
        name = identity.get("mqtt_psk_id")
        if not name:
            raise ConfigError("identity has no mqtt_psk_id: provision the device")
        known = context.get_ciphers()
        context.set_ciphers([cipher for cipher in _PSK_CIPHERS if cipher in known])
        context.psk_identity = name.encode()
        context.psk_key = identity.key("mqtt_psk")

    def wrap(self, sock, host):
        """The TLS stream over a connected socket. UplinkError when either side refuses the other; OSError when the connection is lost."""
        try:
            return self._context.wrap_socket(sock, server_hostname=host)
        except ValueError as error:
            raise UplinkError("broker %s is refused: %s" % (host, _verdict(str(error))))
        except OSError as error:
            if error.errno in _TIMED_OUT:
                raise
            # An alert of the server, its hanging up, or an answer that is no TLS.
            raise UplinkError("broker %s and this device agree on no TLS (%s): check port, certificates and keys of both" % (host, error))


def _verdict(words):
    found = [advice for part, advice in _VERDICTS if part in words]
    return " and ".join(found) or words.strip()
