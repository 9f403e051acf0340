"""Names that files share after compilation: only private ones, never two in one object, and every line where it was."""

from __future__ import annotations

import ast
import functools

import pytest

from kerbstone.build.shorten import shortened
from kerbstone.paths import firmware_dir

BASE = """
from micropython import const
_STEP = const(5)
_TABLE = (1, 2)
class Base:
    def __init__(self):
        self._kept = _TABLE
        self._hidden = self._work(_STEP)
    def _work(self, _much):
        return "_hidden" if _much else self._kept
"""
HEIR = """
from .base import Base
class Heir(Base):
    def __init__(self):
        super().__init__()
        self._other = 1
    def look(self, way):
        return self._other, way._foreign
"""
ALONE = """
class Alone:
    def __init__(self):
        self._secret = 1
"""


@functools.cache
def modules() -> dict[str, str]:
    root = firmware_dir()
    return {str(p.relative_to(root).with_suffix("")).replace("/", "."): p.read_text() for p in sorted((root / "kerb").rglob("*.py"))}


@functools.cache
def made_of_the_firmware() -> dict[str, str]:
    return shortened(modules())


@functools.cache
def names_of(text: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(text)):
        found += [str(value) for _, value in ast.iter_fields(node) if isinstance(value, str)]
    return found


def test_what_somebody_else_may_mean_keeps_its_name() -> None:
    made = shortened({"k.base": BASE, "k.heir": HEIR, "k.alone": ALONE}, ["x._secret"])
    base, heir = made["k.base"], made["k.heir"]
    assert "_STEP = const(5)" in base and '"_hidden"' in base and "self._hidden" in base, "constants, and names in strings"
    assert "way._foreign" in heir and made["k.alone"] == ALONE
    assert "_kept" not in base and "_work" not in base and "_TABLE" not in base and "_other" not in heir


def test_classes_that_inherit_share_no_short_name() -> None:
    made = shortened({"k.base": BASE, "k.heir": HEIR, "k.alone": ALONE})
    short = {name: {word for word in names_of(text) if word[:1] == "_" and word[1:].isdigit()} for name, text in made.items()}
    assert short["k.base"] and short["k.heir"] and not short["k.base"] & short["k.heir"]
    assert short["k.alone"] & short["k.base"], "strangers do"


def test_the_firmware_is_the_same_but_for_private_names_and_every_line_is_where_it_was() -> None:
    texts, made = modules(), made_of_the_firmware()
    taken = gone = 0
    for name, text in texts.items():
        before, after = names_of(text), names_of(made[name])
        renamed = {(a, b) for a, b in zip(before, after, strict=True) if a != b}
        assert all(a[0] == "_" and a[1] != "_" and b[1:].isdigit() for a, b in renamed), name
        assert len({a for a, _ in renamed}) == len({b for _, b in renamed}) == len(renamed), f"{name}: one to one"
        assert [n.lineno for n in ast.walk(ast.parse(text)) if hasattr(n, "lineno")] == [
            n.lineno for n in ast.walk(ast.parse(made[name])) if hasattr(n, "lineno")
        ]
        taken += len(renamed)
    gone = len({w for t in texts.values() for w in names_of(t)}) - len({w for t in made.values() for w in names_of(t)})
    print(f"{taken} private names, {gone} names fewer")
    assert gone > 500


@pytest.mark.parametrize("name", ["kerb.uplink.lorawan.extra", "kerb.radio.sx1262"])
def test_families_are_found_through_relative_and_absolute_imports(name: str) -> None:
    made = made_of_the_firmware()
    short = {word for word in names_of(made[name]) if word[:1] == "_" and word[1:].isdigit()}
    bases = {"kerb.uplink.lorawan.extra": "kerb.uplink.lorawan.uplink", "kerb.radio.sx1262": "kerb.radio.lora"}
    assert short and not short & set(names_of(made[bases[name]]))
