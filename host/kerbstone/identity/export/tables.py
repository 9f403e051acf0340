"""Comma-separated tables: our own, The Things Stack's, AWS's and Azure's."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Sequence

from kerbstone.identity.export.lorawan import plan_of
from kerbstone.identity.export.source import Enrolled

OWN = ("serial", "dev_eui", "join_eui", "app_key", "device_key", "mqtt_user", "mqtt_password", "mqtt_psk_id", "mqtt_psk", "key_version")
# The Things Stack, "Migrating devices with CSV": semicolons, unknown columns are passed over. Read 2026-11.
_TTS = (
    "id", "dev_eui", "join_eui", "name", "frequency_plan_id", "lorawan_version", "lorawan_phy_version", "app_key", "supports_class_c",
)


def own(devices: Iterable[Enrolled]) -> bytes:
    """All keys in hexadecimal; `kerbstone identity import` takes it."""
    rows = ([d.serial, d.dev_eui, d.join_eui, *(d.text(name) for name in OWN[3:-1]), d.key_version] for d in devices)
    return _csv(OWN, rows, ",")


def things_stack(devices: Iterable[Enrolled], region: str, class_c: bool) -> bytes:
    """For the import form of The Things Stack."""
    plan = plan_of(region)
    rows = (
        [_tts_id(d), d.dev_eui.upper(), d.join_eui.upper(), d.serial, plan.frequency_plan, plan.mac, plan.phy, d.text("app_key").upper(),
         str(class_c).lower()]
        for d in devices
    )
    return _csv(_TTS, rows, ";")


def azure(devices: Iterable[Enrolled]) -> bytes:
    """Individual enrolments for the Device Provisioning Service, as `az iot dps enrollment create` takes them: X.509 where there is a
    certificate, a symmetric key otherwise (the device key; DPS wants base64 of at least 16 bytes)."""
    rows = []
    for d in devices:
        key = d.values["device_key"]
        secret = base64.b64encode(key if isinstance(key, bytes) else bytes.fromhex(key)).decode()
        rows.append([d.serial.lower(), "x509" if d.certificate else "symmetrickey", d.certificate or "", "" if d.certificate else secret])
    return _csv(("registrationId", "attestationType", "certificate", "primaryKey"), rows, ",")


def _tts_id(device: Enrolled) -> str:
    """Device ids there have lower-case letters, digits and dashes, and begin with neither digit nor dash."""
    return "eui-" + device.dev_eui


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue().encode()
