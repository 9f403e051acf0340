"""Reads what drivers and applications say of themselves, without running them."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path
from typing import Any

from kerbstone.build.node import Node
from kerbstone.paths import firmware_dir

# What drivers have in common; no chip.
_SHARED = (
    "__init__", "crc", "echo_frame", "lis2mdl_code", "lis2mdl_ulp", "meter", "models", "pins", "pulse_ranging", "ranging", "sps30_core",
)  # fmt: skip


def find_source(node: Node, kind: str, name: str) -> Path | None:
    """The source of a driver ("drivers") or application ("apps"): beside the node file first, then ours."""
    for path in (node.folder / kind / f"{name}.py", firmware_dir() / "kerb" / kind / f"{name}.py"):
        if path.is_file():
            return path
    return None


def known_names(node: Node, kind: str) -> list[str]:
    """Drivers or applications this node could name."""
    folders = (node.folder / kind, firmware_dir() / "kerb" / kind)
    return sorted({p.stem for f in folders if f.is_dir() for p in f.glob("*.py") if p.stem not in _SHARED})


def literal(source: Path, name: str, owner: str = "") -> Any:
    """The value of a constant of a module, or of its class `owner`; None when it is not there or not a literal."""
    body = _parsed(source.read_text(encoding="utf-8")).body
    if owner:
        body = [s for c in body if isinstance(c, ast.ClassDef) and c.name == owner for s in c.body]
    for statement in body:
        if isinstance(statement, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in statement.targets):
            try:
                return ast.literal_eval(statement.value)
            except ValueError:
                return None
    return None


@lru_cache(maxsize=64)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def shares_uart(node: Node, driver: str) -> bool:
    """Whether several parts of this driver may hang on one UART (RS485, SDI-12)."""
    source = find_source(node, "drivers", driver)
    return bool(source and literal(source, "SHARES_UART", driver.upper()))


def needed_pins(source: Path) -> list[str]:
    """The options a driver cannot do without: those it fetches with pin_of() of kerb/drivers/pins.py."""
    return list(_needed(source.read_text(encoding="utf-8")))


@lru_cache(maxsize=256)
def _needed(text: str) -> tuple[str, ...]:
    calls = [c for c in ast.walk(ast.parse(text)) if isinstance(c, ast.Call)]
    found = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "pin_of"]
    return tuple(a.value for c in found for a in c.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def driver_options(source: Path) -> set[str]:
    """The names a driver reads from its `options`, itself or in what it imports from our drivers."""
    names, others = _options_of(source.read_text(encoding="utf-8"))
    return set(names).union(*(driver_options(firmware_dir() / "kerb" / "drivers" / f"{other}.py") for other in others))


@lru_cache(maxsize=256)
def _options_of(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The options a driver reads itself, and which of our drivers it imports. Hundreds of nodes of a bench may have the same parts."""
    names, others = set(_needed(text)), set()
    for item in ast.walk(ast.parse(text)):
        if isinstance(item, ast.ImportFrom) and (item.module or "").startswith("kerb.drivers."):
            others.add((item.module or "").split(".")[-1])
        key: ast.expr | None = None
        if isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr == "get" and item.args:
            key = item.args[0] if _is_options(item.func.value) else None
        elif isinstance(item, ast.Subscript) and _is_options(item.value):
            key = item.slice
        elif isinstance(item, ast.Compare) and any(_is_options(c) for c in item.comparators):
            key = item.left
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            names.add(key.value)
    return frozenset(names - {"name", "where"}), frozenset(others)


def _is_options(value: ast.expr) -> bool:
    if isinstance(value, ast.Name):
        return value.id == "options"
    return isinstance(value, ast.Attribute) and value.attr in ("options", "_options")
