"""Gives private names of firmware modules to each other again: a name costs a board 16 bytes of heap for good, whoever used it.

MicroPython keeps each name once, so what counts is how many different ones there are. A name is taken where nobody outside the file
can mean it: it begins with one underscore, stands in no other file, in no string and in no import, and as an attribute only behind
`self`. Modules whose classes inherit from each other share no short names, since their attributes meet in one object. Lines stay
where they are, so tracebacks and crash reports do.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Mapping

_WORD = re.compile(r"[A-Za-z_]\w*")
_BUILTIN = frozenset({"object", "Exception", "OSError", "ValueError", "dict", "list"})


def shortened(texts: Mapping[str, str], others: Iterable[str] = ()) -> dict[str, str]:
    """The same modules with fewer names. `texts`: {"kerb.node": source}; `others`: sources that run beside them and stay as they are."""
    words = {name: _words(text) for name, text in texts.items()}
    everywhere = Counter(word for found in words.values() for word in found)
    taken = set(everywhere).union(*(_words(text) for text in others))
    own = Counter(word for text in others for word in _words(text))
    trees = {name: ast.parse(text) for name, text in texts.items()}
    free = [short for n in range(1000) if (short := f"_{n}") not in taken]
    begun: Counter[str] = Counter()  # short names used up in each family of modules
    families = _families(trees)
    made = {}
    for name, text in texts.items():
        family = families[name]
        private = [word for word in _private(trees[name]) if everywhere[word] == 1 and not own[word]]
        begin = begun[family]
        begun[family] += len(private)
        made[name] = _renamed(text, dict(zip(private, free[begin:], strict=False)))
    return made


def _words(text: str) -> set[str]:
    """Whatever looks like a name, in code, strings and comments."""
    return {match.group() for match in _WORD.finditer(text)}


def _private(tree: ast.Module) -> list[str]:
    """Names only this file can mean, in the order they come; those of constants the compiler resolves are none."""
    seen: dict[str, None] = {}
    barred: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=word) | ast.Name(id=word):
                seen[word] = None
            case ast.Attribute(attr=word):
                barred.add(word)
            case ast.FunctionDef(name=word) | ast.ClassDef(name=word) | ast.arg(arg=word):
                seen[word] = None
            case ast.keyword(arg=str(word)):
                barred.add(word)
            case ast.alias(name=word):
                barred.update(word.split("."))
                barred.add(node.asname or "")
            case ast.Constant(value=str(text)):
                barred |= _words(text)
            case ast.Assign(targets=[ast.Name(id=word)], value=ast.Call(func=ast.Name(id="const"))):
                barred.add(word)
    return [word for word in seen if word not in barred and word.startswith("_") and not word.startswith("__") and len(word) > 2]


def _families(trees: Mapping[str, ast.Module]) -> dict[str, str]:
    """{module: one of the modules its classes are related to}; a module that inherits is related to all it imports."""
    root = {name: name for name in trees}

    def of(name: str) -> str:
        while root[name] != name:
            name = root[name]
        return name

    for name, tree in trees.items():
        nodes = list(ast.walk(tree))
        bases = [base for node in nodes if isinstance(node, ast.ClassDef) for base in node.bases]
        if all(isinstance(base, ast.Name) and base.id in _BUILTIN for base in bases):
            continue
        for node in nodes:
            for other in _imported(name, node):
                if other in trees:
                    root[of(other)] = of(name)
    return {name: of(name) for name in trees}


def _imported(name: str, node: ast.AST) -> list[str]:
    """Modules an import statement of module `name` may mean."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        package = name.split(".")[: -node.level] if node.level else []
        module = ".".join([*package, *([node.module] if node.module else [])])
        return [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return []


def _renamed(text: str, short: Mapping[str, str]) -> str:
    """`text` with its names replaced, each line where it was."""
    lines = text.splitlines(keepends=True)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    for token in reversed([token for token in tokens if token.type == tokenize.NAME and token.string in short]):
        row, column = token.start
        line = lines[row - 1]
        lines[row - 1] = line[:column] + short[token.string] + line[column + len(token.string) :]
    return "".join(lines)
