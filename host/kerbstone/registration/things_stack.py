"""Entries for the device repository of The Things Stack (github.com/TheThingsNetwork/lorawan-devices), checked against its schema.json.

The same files serve a private repository, or the upload of the decoder alone in the console.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from kerbstone import __version__
from kerbstone.codec import Quality, Trust, decode, encode
from kerbstone.codec.channel import Channel
from kerbstone.errors import KerbstoneError
from kerbstone.registration.traits import MAC_VERSION, Traits

# Its schema knows no later edition for LoRaWAN 1.0.4; for end devices of 1.0.4 the editions differ in regions only.
_REGIONAL_PARAMETERS = "RP002-1.0.1"
_REGIONS = {
    "EU868": "EU863-870", "US915": "US902-928", "AU915": "AU915-928", "KR920": "KR920-923", "IN865": "IN865-867",
    "AS923-1": "AS923", "AS923-2": "AS923", "AS923-3": "AS923", "AS923-4": "AS923",
}  # fmt: skip
# Channel -> the repository's word for what is sensed (schema.json, `sensors`).
_SENSORS = {
    "battery_v": "battery", "temperature": "temperature", "fill": "level", "distance_mm": "distance", "pm1": "particulate matter",
    "pm2_5": "pm2.5", "pm4": "particulate matter", "pm10": "pm10", "voc_index": "tvoc",
    "air_temperature": "temperature", "humidity": "humidity", "pressure": "pressure", "air_index": "iaq", "co2": "co2", "no2": "no2",
    "o3": "o3", "co": "co", "level": "light", "power_w": "power", "energy_kwh": "energy", "volt_v": "voltage", "current_a": "current",
}  # fmt: skip
_CLASS_C_TIMEOUT_S = 8
_SHORTEST_ID, _LONGEST_ID = 3, 36  # dashes do not count for the former


def entries(node: Traits, index: str = "") -> dict[str, str]:
    """File name -> text, for a vendor's folder of the repository. `index`: the text of the index.yaml there, to which the node is added.

    Raises KerbstoneError for an index that cannot be read.
    """
    device = identifier(node.name)
    profile, codec = f"{device[: _LONGEST_ID - 8]}-profile", f"{device[: _LONGEST_ID - 6]}-codec"
    region = _REGIONS[node.region]
    return {
        "index.yaml": _yaml(_index(index, {
            "endDeviceID": device, "firmwareVersion": __version__, "hardwareVersion": "1.0", "region": region,
        })),
        f"{device}.yaml": _yaml(_end_device(node, region, profile, codec)),
        f"{profile}.yaml": _yaml(_profile(node)),
        f"{codec}.yaml": _yaml({"uplinkDecoder": {"fileName": f"{device}.js", "examples": _examples(node)}}),
        f"{device}.js": node.decoder,
    }  # fmt: skip


def _index(text: str, row: dict[str, str]) -> dict[str, Any]:
    """The index with one device more; its profile gets the next free number, or keeps the one it has."""
    try:
        index = yaml.safe_load(text) or {}
        devices, profiles = list(index.get("endDevices") or []), dict(index.get("profileIDs") or {})
        taken = [int(number) for number in profiles]
    except (yaml.YAMLError, AttributeError, TypeError, ValueError):
        raise KerbstoneError("The vendor's index.yaml cannot be read: mend it, or write to another folder with --out.") from None
    if row["endDeviceID"] not in devices:
        devices.append(row["endDeviceID"])
    same = next((n for n, known in profiles.items() if isinstance(known, dict) and known.get("endDeviceID") == row["endDeviceID"]), None)
    profiles[same or str(max(taken, default=0) + 1)] = row
    return index | {"endDevices": devices, "profileIDs": profiles}


def identifier(name: str) -> str:
    """A name as the repository wants it: small letters, digits, single dashes, 3 to 36 characters."""
    words = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_ID].strip("-")
    return words + "0" * (_SHORTEST_ID - len(words.replace("-", "")))


def _end_device(node: Traits, region: str, profile: str, codec: str) -> dict[str, Any]:
    sensors = sorted({_SENSORS[c.name] for c in node.profile.channels if c.name in _SENSORS})
    return {
        "name": node.title,
        "description": f"{node.title}: messages {node.profile.name}, LoRaWAN {MAC_VERSION} class {'C' if node.class_c else 'A'}",
        "hardwareVersions": [{"version": "1.0"}],
        "firmwareVersions": [
            {
                "version": __version__, "hardwareVersions": ["1.0"],
                "profiles": {region: {"id": profile, "lorawanCertified": False, "codec": codec}},
            }
        ],
        **({"sensors": sensors} if sensors else {}),
        **({"battery": {"replaceable": True, "type": node.cell}} if node.cell else {}),
        "keyProvisioning": ["custom"],
        "keyProgramming": ["serial"],
        "firmwareProgramming": ["serial"],
    }  # fmt: skip


def _profile(node: Traits) -> dict[str, Any]:
    return {
        "macVersion": MAC_VERSION,
        "regionalParametersVersion": _REGIONAL_PARAMETERS,
        "supportsJoin": True,
        "maxEIRP": node.max_eirp_dbm,
        "supports32bitFCnt": True,
        "supportsClassB": False,
        "supportsClassC": node.class_c,
        **({"classCTimeout": _CLASS_C_TIMEOUT_S} if node.class_c else {}),
    }


def _examples(node: Traits) -> list[dict[str, Any]]:
    """A message of each record, with the value in the middle of each channel."""
    examples = []
    for record, count in node.profile.cuts.items():
        values = {channel.name: _middle(channel) for channel in node.profile.channels[:count]}
        payload = encode(node.profile, record, values, Quality.GOOD, Trust.LIVE)
        got = decode(node.profile, payload)
        examples.append(
            {
                "description": f"{node.profile.title}, record {record}", "input": {"fPort": node.port, "bytes": list(payload)},
                "output": {"data": got.data(), "warnings": [], "errors": []},
            }
        )  # fmt: skip
    return examples


def _middle(channel: Channel) -> Any:
    if channel.kind == "number":
        return channel.number(channel.top // 2)
    return [channel.names[0]] if channel.kind == "flags" else channel.names[len(channel.names) // 2]


def _yaml(content: dict[str, Any]) -> str:
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))
