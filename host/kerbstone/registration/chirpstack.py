"""A device profile for ChirpStack v4, as the body of its REST call POST /api/device-profiles (api/device_profile.proto of ChirpStack)."""

from __future__ import annotations

from typing import Any

from kerbstone.codec.channel import Channel
from kerbstone.registration.traits import MAC_VERSION, REGIONAL_PARAMETERS, Traits

_REGIONS = {"AS923-1": "AS923"}  # the others are spelt alike but for the dash
_ADR_ALGORITHM = "default"  # LoRa only; the other two are for LR-FHSS
_STATUS_A_DAY = 1
_CLASS_C_TIMEOUT_S = 8  # TS001-1.0.4 section 17: CLASS_C_RESP_TIMEOUT
_UNKNOWN_S = 3600


def device_profile(node: Traits, tenant_id: str = "") -> dict[str, Any]:
    """The body. `tenant_id`: UUID of the tenant it is for; the call needs one. A decoded value `temperature` is the measurement
    `values_temperature`, since ChirpStack joins the names of nested objects."""
    return {
        "deviceProfile": {
            "tenantId": tenant_id,
            "name": node.title,
            "description": f"Kerbstone node {node.name}, messages {node.profile.name} revision {node.profile.revision}",
            "region": _REGIONS.get(node.region, node.region.replace("-", "_")),
            "macVersion": "LORAWAN_" + MAC_VERSION.replace(".", "_"),
            "regParamsRevision": "RP002_" + REGIONAL_PARAMETERS.replace(".", "_"),
            "adrAlgorithmId": _ADR_ALGORITHM,
            "payloadCodecRuntime": "JS",
            "payloadCodecScript": node.decoder,
            "flushQueueOnActivate": True,
            "uplinkInterval": node.quiet_s or _UNKNOWN_S,
            "deviceStatusReqInterval": _STATUS_A_DAY,
            "supportsOtaa": True,
            "supportsClassB": False,
            "supportsClassC": node.class_c,
            "classCTimeout": _CLASS_C_TIMEOUT_S if node.class_c else 0,
            "autoDetectMeasurements": False,
            "measurements": {f"values_{channel.name}": _measurement(channel) for channel in node.profile.channels},
            "tags": {"kerbstone_profile": node.profile.name, "kerbstone_node": node.name},
        }
    }


def _measurement(channel: Channel) -> dict[str, str]:
    return {"name": channel.title, "kind": "GAUGE" if channel.kind == "number" else "STRING"}
