"""Rewrites firmware sources so that every float operation is rounded to 32 bits by `_f32`.

What is rewritten: + - * / // % **, augmented assignments, single comparisons, float literals, float() round() sum() pow()
divmod(), and the modules math and struct. What needs no rewriting: bit operations and integers (they are the same), array("f") and
struct "f" (they round by themselves). Arguments of const() stay constant expressions; their float literals are rounded. A chain
of comparisons (a < b < c) is left alone: it differs only for whole numbers above 2^24 held against a float.
"""

from __future__ import annotations

import ast
import shutil
import struct
from pathlib import Path

HELPER = Path(__file__).with_name("_f32.py")
_BINARY = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "power",
}  # fmt: skip
_IN_PLACE = _BINARY | {ast.Add: "iadd", ast.Sub: "isub"}
_COMPARE = {
    ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal", ast.Eq: "equal", ast.NotEq: "unequal",
}  # fmt: skip
_BUILTINS = {"float", "round", "sum", "pow", "divmod"}
_MODULES = {"math", "struct"}


def nearest(value: float) -> float:
    """The 32-bit float next to `value`; infinite where that has no such number."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name("_f32", ast.Load()), name, ast.Load()), list(arguments), [])


class _Rounding(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Constant(nearest(node.value)) if isinstance(node.value, float) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        name = _BINARY.get(type(node.op))
        return _call(name, node.left, node.right) if name else node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        name = _COMPARE.get(type(node.ops[0])) if len(node.ops) == 1 else None
        return _call(name, node.left, node.comparators[0]) if name else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id == "const":
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, float):
                    part.value = nearest(part.value)
            return node
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in _BUILTINS:
            node.func = ast.Attribute(ast.Name("_f32", ast.Load()), f"to_{node.func.id}", ast.Load())
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        name = _IN_PLACE.get(type(node.op))
        if not name:
            return node
        before: list[ast.stmt] = []
        target = node.target
        if not isinstance(target, ast.Name):  # the owner and the index are evaluated once, as they were
            before.append(ast.Assign([ast.Name("_f32_owner", ast.Store())], target.value))
            target.value = ast.Name("_f32_owner", ast.Load())
        if isinstance(target, ast.Subscript):
            if isinstance(target.slice, ast.Slice):
                raise SyntaxError("an augmented assignment to a slice is not rewritten")
            before.append(ast.Assign([ast.Name("_f32_index", ast.Store())], target.slice))
            target.slice = ast.Name("_f32_index", ast.Load())
        read = ast.parse(ast.unparse(target), mode="eval").body
        return [*before, ast.Assign([target], _call(name, read, node.value))]

    def visit_Import(self, node: ast.Import) -> ast.stmt | list[ast.stmt]:
        out: list[ast.stmt] = []
        for alias in node.names:
            if alias.name in _MODULES:
                out.append(ast.ImportFrom("_f32", [alias], 0))
            else:
                out.append(ast.Import([alias]))
        return out

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        if node.module not in _MODULES:
            return node
        return [
            ast.Assign(
                [ast.Name(alias.asname or alias.name, ast.Store())],
                ast.Attribute(ast.Attribute(ast.Name("_f32", ast.Load()), node.module, ast.Load()), alias.name, ast.Load()),
            )
            for alias in node.names
        ]


def rewritten(source: str) -> str:
    """The source with its arithmetic rounded. SyntaxError: it holds something that is not rewritten."""
    tree = ast.parse(source)
    tree.body = [ast.Import([ast.alias("_f32")]), *_Rounding().visit(tree).body]
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def rewrite_tree(source: Path, target: Path) -> None:
    """Every Python file below `source`, rewritten, below `target`, and the helper beside them."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(HELPER, target)
    for file in sorted(source.rglob("*.py")):
        to = target / file.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(rewritten(file.read_text(encoding="utf-8")), encoding="utf-8")
