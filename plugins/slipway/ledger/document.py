"""``docs/ledger.md``, made of ``document.md`` and the kinds of entry."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from slipway.ledger.entries import KINDS, InheritableEntry, LedgerEntry

_HEAD = Path(__file__).with_suffix(".md")


def render() -> str:
    """Return the page."""
    parts = {part.__name__: part for kind in KINDS for part in _parts(kind)}
    sections = ["\n".join(_kind(kind)) for kind in KINDS]
    values = ["\n".join(_part(part)) for _, part in sorted(parts.items())]
    return "\n".join([_HEAD.read_text(), *sections, "## The parts of entries\n", *values]).rstrip() + "\n"


def _kind(kind: type[LedgerEntry]) -> Iterator[str]:
    text, fields = _documented(kind)
    yield f"### {kind.__name__}\n"
    yield f"{text}\n"
    inherited = " · inherited by the next region" if issubclass(kind, InheritableEntry) else ""
    yield f"Key `{kind.KEY}` · format {kind.FORMAT}{inherited} · written by {kind.WRITER}\n"
    yield from _table(kind, fields)
    former = inspect.getdoc(kind.upgrade) if "upgrade" in vars(kind) else None
    if former is not None:
        yield f"{former.replace('``', '`')}\n"


def _part(part: type[Any]) -> Iterator[str]:
    text, fields = _documented(part)
    yield f"### {part.__name__}\n"
    yield f"{text}\n"
    yield from _table(part, fields)


def _table(kind: type[Any], said: Mapping[str, str]) -> Iterator[str]:
    hidden = {"task", "inherited_from"}
    hints = {name: hint for name, hint in _hints(kind).items() if name not in hidden}
    if hints:
        yield "| Field | Type | |\n|---|---|---|"
        for name, hint in hints.items():
            yield f"| `{name}` | {_type(hint)} | {said.get(name, '')} |"
        yield ""


def _hints(kind: type[Any]) -> dict[str, Any]:
    if issubclass(kind, BaseModel):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    return typing.get_type_hints(kind)


def _documented(kind: type[Any]) -> tuple[str, dict[str, str]]:
    """Return what the docstrings of a class and its bases say of it, and of its fields."""
    said: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        doc = inspect.cleandoc(base.__dict__.get("__doc__") or "").replace("``", "`")
        doc = re.sub(r":class:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", doc)
        for field, text in re.findall(r"^:param (\w+): (.*?)(?=^:|\Z)", doc, re.DOTALL | re.MULTILINE):
            said[field] = " ".join(text.split()).replace("|", "\\|")
    own = inspect.cleandoc(kind.__doc__ or "").replace("``", "`").partition("\n:")[0]
    return "\n\n".join(" ".join(part.split()) for part in own.split("\n\n") if part.strip()), said


def _type(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("none" if one is types.NoneType else _type(one) for one in inner)
    if origin is typing.Literal:
        return " or ".join(f"`{one}`" for one in inner)
    if origin is not None and issubclass(origin, Mapping):
        return f"map of {_type(inner[1])}"
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    names = {
        str: "text",
        int: "integer",
        float: "number",
        bool: "yes or no",
        datetime: "moment",
        Any: "anything",
    }
    return names.get(hint) or f"`{hint.__name__}`"


def _parts(kind: type[Any]) -> Iterator[type[Any]]:
    """Yield the models that the fields of a kind are made of, from the outside in."""
    for hint in _hints(kind).values():
        for found in _models(hint):
            yield found
            yield from _parts(found)


def _models(hint: Any) -> Iterator[type[Any]]:
    inner = typing.get_args(hint)
    if inner:
        for one in inner:
            yield from _models(one)
    elif isinstance(hint, type) and (issubclass(hint, BaseModel) or is_dataclass(hint)):
        yield hint
