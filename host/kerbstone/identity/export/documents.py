"""JSON for The Things Stack and AWS, and the files of a Mosquitto broker."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable

from kerbstone.identity.export.lorawan import plan_of
from kerbstone.identity.export.source import Enrolled
from kerbstone.listen import topics

_MOSQUITTO_ITERATIONS = 101  # mosquitto_passwd's own default for PBKDF2-SHA-512 (mosquitto 2.0, password_mosq.h)
_SALT_BYTES = 12


def things_stack(devices: Iterable[Enrolled], region: str, class_c: bool) -> bytes:
    """A stream of end devices for `ttn-lw-cli end-devices create` and the import form: an object a line."""
    plan = plan_of(region)
    lines = []
    for d in devices:
        lines.append(json.dumps({
            "ids": {"device_id": "eui-" + d.dev_eui, "dev_eui": d.dev_eui.upper(), "join_eui": d.join_eui.upper()},
            "name": d.serial, "lorawan_version": plan.mac, "lorawan_phy_version": plan.phy, "frequency_plan_id": plan.frequency_plan,
            "supports_join": True, "supports_class_c": class_c,
            "root_keys": {"app_key": {"key": d.text("app_key").upper()}},
        }))
    return ("\n".join(lines) + "\n").encode()


def aws(devices: Iterable[Enrolled]) -> bytes:
    """Parameters for AWS IoT bulk registration (StartThingRegistrationTask): an object a line; the template names them in `Parameters`."""
    lines = [
        json.dumps({"ThingName": d.serial, "SerialNumber": d.serial, "DevEUI": d.dev_eui, "CertificatePem": d.certificate or ""})
        for d in devices
    ]
    return ("\n".join(lines) + "\n").encode()


def mosquitto_passwords(devices: Iterable[Enrolled]) -> bytes:
    """A password file as mosquitto_passwd writes it: PBKDF2-SHA-512, so no password stands in it."""
    lines = []
    for d in devices:
        salt = os.urandom(_SALT_BYTES)
        digest = hashlib.pbkdf2_hmac("sha512", d.text("mqtt_password").encode(), salt, _MOSQUITTO_ITERATIONS)
        lines.append(f"{d.text('mqtt_user')}:$7${_MOSQUITTO_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}")
    return ("\n".join(lines) + "\n").encode()


def mosquitto_psk(devices: Iterable[Enrolled]) -> bytes:
    """A `psk_file`: identity and key in hexadecimal."""
    return "".join(f"{d.text('mqtt_psk_id')}:{d.text('mqtt_psk')}\n" for d in devices).encode()


def mosquitto_acl(devices: Iterable[Enrolled], prefix: str) -> bytes:
    """An `acl_file`: each device writes and reads below its own name, and nowhere else."""
    lines = []
    for d in devices:
        user = d.text("mqtt_user")
        lines.append(f"user {user}\ntopic write {topics.up(prefix, user)}\ntopic read {topics.down(prefix, user)}\n")
    return "\n".join(lines).encode()
