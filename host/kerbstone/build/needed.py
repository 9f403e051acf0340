"""Which firmware files a node needs: what it imports, followed from its start files, so that a board carries no driver it has no use for.

Imports by name are followed too: a name made of a prefix ("kerb.drivers.") or a form ("kerb.radio.%s_modes") and a word of node.json or of
the importing file, and a module in a table whose key is such a word.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_ROOTS = ("kerb.node", "kerb.prove")  # what stage 0 starts, and what answers for an identity


def needed(sources: Mapping[str, Path], config: dict[str, Any]) -> set[str]:
    """Names of the modules ("kerb.drivers.sht4x") that a node with this node.json can import; `sources` are all there are."""
    words = set(_words(config))
    found: set[str] = set()
    waiting = [name for name in _ROOTS if name in sources]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        parts = name.split(".")
        waiting += [package for n in range(1, len(parts)) if (package := ".".join(parts[:n])) in sources]
        waiting += [module for module in _imports(name, ast.parse(sources[name].read_bytes()), sources, words) if module not in found]
    return found


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *_words(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)


def _imports(name: str, tree: ast.Module, sources: Mapping[str, Path], words: set[str]) -> Iterator[str]:
    nodes = list(ast.walk(tree))
    strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    chosen = {id(value) for node in nodes if isinstance(node, ast.Dict) for value in node.values}
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in sources)
        elif isinstance(node, ast.ImportFrom):
            package = name.split(".")[: -node.level] if node.level else []  # no __init__.py here imports anything
            module = ".".join([*package, *([node.module] if node.module else [])])
            yield from (found for found in (module, *(f"{module}.{alias.name}" for alias in node.names)) if found in sources)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in words and isinstance(value, ast.Constant) and value.value in sources:
                    yield str(value.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("kerb."):
            if node.value in sources and id(node) not in chosen:
                yield node.value
            head, _, tail = node.value.partition("%s")
            yield from (made for word in words | strings if (made := head + word + tail) in sources)
