"""The schema of commands against commands, with a validator by others."""

from __future__ import annotations

import random
from typing import Any

import cbor2
import pytest

from commands_corpus import BODIES, IDENTITY
from kerbstone import downlink
from kerbstone.paths import protocols_dir

for _name in ("CBORDecodeValueError", "CBORDecodeEOF"):
    # zcbor 0.9.1 imports two names cbor2 6 no longer has.
    if not hasattr(cbor2, _name):
        setattr(cbor2, _name, cbor2.CBORDecodeError)

from zcbor import CddlValidationError, DataTranslator

TEXT = (protocols_dir() / "downlink.cddl").read_text()
SCHEMA: Any = DataTranslator.from_cddl(TEXT, 16).my_types["command"]


@pytest.mark.parametrize(("kind", "body"), BODIES)
def test_every_command_satisfies_the_schema(kind: str, body: object) -> None:
    SCHEMA.validate_str(downlink.seal(IDENTITY, kind, 4294967295, body)[: -downlink.MAC_BYTES])


@pytest.mark.parametrize(
    "item",
    [
        [13, 1, None], [0, 0, None], [0, 1, 1], [0, 1], [1, 1, 101], [1, 1, [40, 0]], [8, 1, [0, {"a": 1}]], [8, 1, [1, {}]],
        [8, 1, [1, {1: 1}]], [8, 1, [1, {"a": 1.5}]], [2, 1, [1, [1440, 5], []]], [2, 1, [1, [5], []]], [11, 1, None], "report",
    ],
)  # fmt: skip
def test_the_schema_refuses_what_the_board_refuses(item: object) -> None:
    with pytest.raises(CddlValidationError):
        SCHEMA.validate_str(cbor2.dumps(item))


def test_the_schema_names_every_command_and_no_other() -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith("command = "))
    assert [name.replace("-", "_") for name in line.removeprefix("command = ").split(" / ")] == list(downlink.KINDS)


def test_random_bodies_agree_with_the_limits_of_the_schema() -> None:
    rng = random.Random(3)
    for _ in range(300):
        level, minutes = rng.randint(-5, 110), rng.randint(-3, 50_000)
        content = cbor2.dumps([1, 9, [level, minutes]])
        good = 0 <= level <= 100 and 1 <= minutes <= 44640
        if good:
            SCHEMA.validate_str(content)
        else:
            with pytest.raises(CddlValidationError):
                SCHEMA.validate_str(content)
