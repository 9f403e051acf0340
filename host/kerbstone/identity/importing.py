"""Devices that exist already, with keys from another system's table: ours, or The Things Stack's CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from kerbstone.books.audit import now
from kerbstone.books.books import Books
from kerbstone.books.tables import batches, devices, secrets
from kerbstone.errors import IdentityError
from kerbstone.identity import batchfile, delimited, eui
from kerbstone.identity import secrets as secret
from kerbstone.identity.export.tables import OWN
from kerbstone.identity.record import Values
from kerbstone.identity.registry import MINTED
from kerbstone.identity.site import is_pin

_HEX = {"app_key": 16, "device_key": 32, "mqtt_psk": 16, }  # bytes
_AS_BYTES = ("device_key", "mqtt_psk")


def read(path: Path) -> list[Values]:
    """The devices of a file. Raises IdentityError with the line that is wrong."""
    text = delimited.text_of(path)
    rows = _json_rows(path, text) if text.lstrip().startswith("{") else _csv_rows(path, text)
    found = [_checked(where, row) for where, row in rows]
    if not found:
        raise IdentityError(f"{path} names no device.")
    return found


def _csv_rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for line, row in delimited.rows(path, text):
        yield f"{path}, line {line}", {k: v.strip() for k, v in row.items() if k and isinstance(v, str)}


def _json_rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The Things Stack's stream of objects, however they are laid out."""
    decoder, at, number = json.JSONDecoder(), 0, 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        number += 1
        where = f"{path}, device {number}"
        try:
            item, at = decoder.raw_decode(text, at)
            ids = item["ids"]
            yield where, {
                "id": ids["device_id"], "dev_eui": ids["dev_eui"], "join_eui": ids["join_eui"], "name": item.get("name") or "",
                "app_key": item["root_keys"]["app_key"]["key"],
            }
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise IdentityError(f"{where}: it is no end device of The Things Stack with ids and root_keys.") from error


def _checked(where: str, row: dict[str, str]) -> Values:
    try:
        serial = batchfile.check_serial(row.get("serial") or row.get("name") or row.get("id") or "")
        values: Values = {
            "device_id": serial, "dev_eui": eui.parse_eui(row.get("dev_eui") or "", "DevEUI"),
            "join_eui": eui.parse_eui(row.get("join_eui") or "", "JoinEUI"),
        }
        if not row.get("app_key"):
            raise IdentityError("it has no app_key.")
    except IdentityError as error:
        raise IdentityError(f"{where}: {error}") from error
    for name in (*OWN[3:-1], "sim_pin"):
        text = row.get(name)
        if not text:
            continue
        if name == "sim_pin" and not is_pin(text):
            raise IdentityError(f"{where}: sim_pin is not 4 to 8 digits.")
        if name not in _HEX:
            values[name] = text
            continue
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != _HEX[name]:
            raise IdentityError(f"{where}: {name} is not {2 * _HEX[name]} hexadecimal digits.")  # and never what it is
        values[name] = key if name in _AS_BYTES else key.hex()
    return values


def enter(books: Books, batch: str, node: str, found: list[Values]) -> int:
    """Writes the devices as minted ones, all or none. Raises IdentityError when one of them is in the books already."""
    at = now()
    with books.change("import") as change:
        rows: list[dict[str, object]] = []
        sealed: list[dict[str, object]] = []
        for values in found:
            serial = str(values["device_id"])
            rows.append({
                "serial": serial, "batch": batch, "dev_eui": values["dev_eui"], "join_eui": values["join_eui"], "state": MINTED,
                "key_version": 1, "place": {}, "changed": at,
            })
            sealed.append(secret.sealed(books, serial, 1, values, None))
            change.note("import", serial, state=MINTED, dev_eui=values["dev_eui"], batch=batch)
        try:
            change.connection.execute(insert(batches), {
                "name": batch, "node": node, "join_eui": rows[0]["join_eui"], "production": False, "created": at,
            })
            change.connection.execute(insert(devices), rows)
            change.connection.execute(insert(secrets), sealed)
        except IntegrityError as error:
            raise IdentityError("The batch, or a serial or DevEUI of it, is in the books already; nothing was imported.") from error
    return len(rows)
