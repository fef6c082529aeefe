"""The mutants of a source: the same program, but for one operator or number."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

_OPERATORS: dict[type[ast.AST], Any] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


@dataclass(frozen=True)
class Mutant:
    """One mutant.

    :param line: line of the source that is changed.
    :param before: the expression there.
    :param after: what it is changed to.
    :param source: the whole program.
    """

    line: int
    before: str
    after: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Make every mutant of a source, in the order of the syntax tree.

    Annotations and texts are left as they are: nothing is decided by them.

    :param source: the program.
    """
    for number in range(len(list(_sites(ast.parse(source))))):
        tree = ast.parse(source)
        holder, what = list(_sites(tree))[number]
        before = ast.unparse(holder)
        _change(holder, what)
        yield Mutant(holder.lineno, before, ast.unparse(holder), ast.unparse(tree))


def _sites(tree: ast.AST) -> Iterator[tuple[ast.expr, int]]:
    """Name what can be changed: an expression, and the number of its operator."""
    for node in _without_annotations(tree):
        if isinstance(node, ast.Compare):
            yield from ((node, number) for number, each in enumerate(node.ops) if type(each) in _OPERATORS)
        elif _is_changed_whole(node):
            yield node, 0


def _is_changed_whole(node: ast.AST) -> TypeGuard[ast.expr]:
    if isinstance(node, ast.BinOp | ast.BoolOp):
        return type(node.op) in _OPERATORS
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not)
    return isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float)


def _change(node: ast.expr, number: int) -> None:
    if isinstance(node, ast.Compare):
        node.ops[number] = _other(node.ops[number])
    elif isinstance(node, ast.BinOp | ast.BoolOp):
        node.op = _other(node.op)
    elif isinstance(node, ast.UnaryOp):
        node.operand = ast.UnaryOp(ast.Not(), copy.copy(node.operand))
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else _next(node.value)


def _other(operator: ast.AST) -> Any:
    return _OPERATORS[type(operator)]()


def _next(value: object) -> float:
    assert isinstance(value, int | float)
    return value + 1


def _without_annotations(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _without_annotations(child)
