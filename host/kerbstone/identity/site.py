"""What all devices of a site share and no device file may hold: Wi-Fi and the CA of broker and servers."""

from __future__ import annotations

import tomllib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kerbstone.errors import IdentityError
from kerbstone.identity.record import Values

_TEXTS = ("wifi_ssid", "wifi_password", "sim_pin")  # sim_pin: where all cards have the same
_CA = "mqtt_ca"  # path of a PEM file


def read(path: Path | None) -> Values:
    """The values. Raises IdentityError that names a key and never shows a value."""
    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise IdentityError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise IdentityError(f"{path} is no TOML file of UTF-8 text.") from None
    values: Values = {}
    for key, value in table.items():
        if key not in (*_TEXTS, _CA):
            raise IdentityError(f"{path}: {key!r} is not known; a site has {', '.join((*_TEXTS, _CA))}.")
        if not isinstance(value, str) or not value:
            raise IdentityError(f"{path}: {key} must be text.")
        if key == "sim_pin" and not is_pin(value):
            raise IdentityError(f"{path}: sim_pin is not 4 to 8 digits.")
        values[key] = value
    if _CA in values:
        values[_CA] = _certificate(path.parent / str(values[_CA]))
    return values


def is_pin(text: str) -> bool:
    """Whether it can be the PIN of a SIM card (TS 31.101 9.5.1)."""
    return text.isascii() and text.isdigit() and 4 <= len(text) <= 8


def _certificate(path: Path) -> bytes:
    """DER: boards take certificates as such."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)
    except OSError as error:
        raise IdentityError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise IdentityError(f"{path} holds no certificate in PEM.") from error
