"""Commands of every kind with their bodies, and mutations of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

BODIES: list[tuple[str, Any]] = [
    ("report", None), ("dim", 40), ("dim", None), ("dim", [40, 120]), ("dim", [None, 5]),
    ("schedule", [7, [1350, 50, 300, 80], [-60, 30]]), ("schedule", [65534, [], []]),
    ("override", [120, {"level": 70}]), ("calibrate", None), ("self_test", None), ("reboot", None), ("identify", None),
    ("configure", [3, {"report_s": 600}]), ("configure", [4, {"report_s": None, "lamp.period_s": 60}, 30]),
    ("configure", [5, {"lat": "36.125", "schedule": [["22:30", 50]]}]),
    ("health", None), ("crashes", None), ("wipe", "pole-1"), ("log", None),
]  # fmt: skip
IDENTITY: dict[str, str | bytes] = {"device_id": "pole-1", "device_key": bytes(range(32))}


def mutations(messages: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Bits flipped, bytes lost, doubled, changed and exchanged between messages; never one of the messages themselves."""
    rng = random.Random(seed)
    originals = set(messages)
    made = 0
    while made < count:
        data = bytearray(rng.choice(messages))
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            at = rng.randrange(len(data)) if data else 0
            how = rng.randrange(6)
            if how == 0 and data:
                data[at] ^= 1 << rng.randrange(8)
            elif how == 1:
                del data[at : at + rng.randint(1, 9)]
            elif how == 2:
                data[at:at] = rng.randbytes(rng.randint(1, 9))
            elif how == 3 and data:
                data[at] = rng.randrange(256)
            elif how == 4:
                other = rng.choice(messages)
                data = data[:at] + other[rng.randrange(len(other)) :]
            else:
                data = bytearray(rng.randbytes(rng.randint(0, 60)))
        if bytes(data) not in originals:
            made += 1
            yield bytes(data)
