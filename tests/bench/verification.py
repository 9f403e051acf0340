"""What verifying a signed manifest costs on a whole emulated RP2040, for each algorithm: milliseconds of the chip, bytes of its heap."""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import cbor2
import pyhsslms
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kerbstone.update.keys import EDDSA, ES256, LMS, SigningKey, new_key

MANIFEST_BYTES = 200
_SCRIPT = """
import gc, time
from kerb.update import envelope, %(module)s
signed = bytes.fromhex("%(signed)s")
trusted = {b"\\x01": [%(algorithm)d, bytes.fromhex("%(public)s")]}
peak = 0
def feed():
    global peak
    gc.collect()
    peak = max(peak, gc.mem_alloc())
gc.collect()
began = time.ticks_us()
opened = envelope.open_envelope(signed, trusted)
took = time.ticks_diff(time.ticks_us(), began)
gc.collect()
before = gc.mem_alloc()
envelope.open_envelope(signed, trusted, feed)
print(len(opened), took, peak - before)
"""


def cases() -> dict[str, tuple[str, SigningKey]]:
    """Algorithm -> (module on the board, key)."""
    tree = pyhsslms.LmsPrivateKey(lms_type=pyhsslms.lms_sha256_m32_h5, lmots_type=pyhsslms.lmots_sha256_n32_w4)
    return {
        "ES256": ("p256", new_key(b"\1", ES256)),
        "Ed25519": ("ed25519", SigningKey(b"\1", EDDSA, Ed25519PrivateKey.generate().private_bytes_raw())),
        "LMS W4": ("lms", SigningKey(b"\1", LMS, tree.serialize())),
    }


def figures(uf2: Path) -> dict[str, dict[str, int]]:
    """{algorithm: {"ms", "heap_bytes"}} for a manifest of MANIFEST_BYTES."""
    from kerbstone.chip.prepare import prepare
    from kerbstone.update.keys import envelope

    chip = prepare(uf2, {}).chip
    found: dict[str, Any] = {}
    payload = cbor2.dumps(random.Random(1).randbytes(MANIFEST_BYTES - 2))
    for name, (module, key) in cases().items():
        signed = envelope(key, payload)
        script = _SCRIPT % {"module": module, "signed": signed.hex(), "algorithm": key.algorithm, "public": key.public.hex()}
        done = chip.execute(script, 60)
        length, took_us, heap = map(int, done.stdout.split())
        assert length == MANIFEST_BYTES
        found[name] = {"ms": round(took_us / 1000), "heap_bytes": heap}
    return found


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2] / "host")]
    print(json.dumps(figures(Path(os.environ["KERBSTONE_UF2"])), indent=1))
