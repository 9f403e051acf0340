"""The schema of commands against commands, with a validator by others."""

import random

import cbor2
import pycddl
import pytest
from commands_corpus import BODIES, IDENTITY

from kerbstone import downlink
from kerbstone.paths import protocols_dir

TEXT = (protocols_dir() / "downlink.cddl").read_text()
# One rule at a time: pycddl 0.6.4 gets lost in a choice of arrays that hold choices of arrays.
RULES = {kind: pycddl.Schema(f"root = {kind.replace('_', '-')}\n{TEXT}") for kind in downlink.KINDS}


@pytest.mark.parametrize(("kind", "body"), BODIES)
def test_every_command_satisfies_the_schema(kind: str, body: object) -> None:
    RULES[kind].validate_cbor(downlink.seal(IDENTITY, kind, 4294967295, body)[: -downlink.MAC_BYTES])


@pytest.mark.parametrize(
    "item",
    [
        [12, 1, None], [0, 0, None], [0, 1, 1], [0, 1], [1, 1, 101], [1, 1, [40, 0]], [8, 1, [0, {"a": 1}]], [8, 1, [1, {}]],
        [8, 1, [1, {1: 1}]], [8, 1, [1, {"a": 1.5}]], [2, 1, [1, [1440, 5], []]], [2, 1, [1, [5], []]], [11, 1, None], "report",
    ],
)  # fmt: skip
def test_the_schema_refuses_what_the_board_refuses(item: object) -> None:
    for rule in RULES.values():
        with pytest.raises(pycddl.ValidationError):
            rule.validate_cbor(cbor2.dumps(item))


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
            RULES["dim"].validate_cbor(content)
        else:
            with pytest.raises(pycddl.ValidationError):
                RULES["dim"].validate_cbor(content)
