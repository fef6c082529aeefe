"""Validation errors in one line each: the field, the value, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_BOUNDS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}


def describe(error: ValidationError) -> Iterator[str]:
    """Yield one line for every wrong field: ``phases.canary.traffic_percent=150: must be at most 100``.

    :param error: what pydantic raised.
    """
    for detail in error.errors():
        yield f"{_field(detail['loc'])}{_value(detail)}: {_allowed(detail)}"


def _field(location: Sequence[int | str]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "policy"


def _value(detail: ErrorDetails) -> str:
    value = detail["input"]
    return "" if isinstance(value, dict | list) or detail["type"] == "missing" else f"={value}"


def _allowed(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "unknown field; check the spelling"
    if detail["type"] == "missing":
        return "missing"
    bounds = detail.get("ctx", {})
    parts = [words.format(bounds[key]) for key, words in _BOUNDS.items() if key in bounds]
    if parts:
        return f"must be {' and '.join(parts)}"
    return detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
