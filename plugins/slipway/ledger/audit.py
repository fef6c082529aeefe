"""Audit lines of the task log: a sentence for people, and behind it, under one key, its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from slipway.ledger.entries import LedgerEntry

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_UNITS = {"percent": "%", "ms": "ms", "usd": "USD"}
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")


def audit(log: FilteringBoundLogger, sentence: str, **details: Any) -> None:
    """Log an audit line. It can be filtered by the key ``audit``, which holds the fields; never a secret.

    :param log: the task's or trigger's logger.
    :param sentence: what happened, as a release manager reads it.
    """
    log.info(sentence, audit={name: shown(value, name) for name, value in details.items()})


def audit_entry(log: FilteringBoundLogger, release_id: str, entry: LedgerEntry, *, repeated: bool) -> None:
    """Log the audit line of a ledger entry.

    :param log: the task's or trigger's logger.
    :param release_id: the release.
    :param entry: what happened.
    :param repeated: whether it was on record already, by a try before this one.
    """
    content = {name: value for name, value in _fields(entry) if name != "task" and _adds(entry, name, value)}
    if repeated:
        content["repeated"] = True
    audit(log, entry.sentence, release=release_id, entry=entry.key, **content)


def _adds(entry: LedgerEntry, name: str, value: Any) -> bool:
    """Tell whether a field says what the sentence and the key before it do not."""
    if isinstance(value, tuple | list):
        return any(_adds(entry, name, one) for one in value)
    if value is None or value in ("", {}):
        return False
    if not isinstance(value, str | int | float | Enum):
        return True
    whole = rf"(?<![\w.]){re.escape(str(shown(value, name)))}(?![\w])"
    return re.search(whole, f"{entry.sentence} {entry.key}") is None


def shown(value: Any, name: str = "") -> Any:
    """Return a value as it stands in the log: times in UTC, durations as people say them, numbers with units.

    Airflow masks what stands under a name such as ``token_usage``, whatever it is. So a mapping, whose names
    are data, becomes a list of records with ``name`` and ``value``; names of fields are ours and harmless. A
    value that Airflow knows to be a secret is masked wherever it stands.

    :param value: the value of a field.
    :param name: name of the field, whose ending is its unit.
    """
    if isinstance(value, BaseModel) or (is_dataclass(value) and not isinstance(value, type)):
        return {field: shown(found, field) for field, found in _fields(value) if found is not None}
    if isinstance(value, Mapping):
        return [{"name": str(key), "value": shown(found, name)} for key, found in value.items()]
    if isinstance(value, list | tuple | set | frozenset):
        return [shown(found, name) for found in value]
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value, name.rpartition("_")[2])
    return value


def moment(at: datetime) -> str:
    """Return a moment to the second in UTC.

    :param at: an aware moment.
    """
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """Return a duration as people say it: ``3.8 s``, ``12 min 30 s``, ``8 h``, ``1 day``.

    :param seconds: the duration in seconds.
    """
    if seconds < 59.5:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    days = whole // 86400
    parts = [
        (days, "day" if days == 1 else "days"),
        (whole // 3600 % 24, "h"),
        (whole // 60 % 60, "min"),
        (whole % 60, "s"),
    ]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def size(number: float) -> str:
    """Return a number of bytes as people say it: ``10 GiB``.

    :param number: bytes.
    """
    power = 0
    while abs(number) >= 1024 and power < len(_BYTES) - 1:
        number, power = number / 1024, power + 1
    return f"{number:.3g} {_BYTES[power]}"


def _number(value: float, unit: str) -> Any:
    if unit == "seconds":
        return duration(value)
    if unit == "bytes":
        return size(value)
    text = str(value) if isinstance(value, int) else f"{value:.6g}"
    if unit in _UNITS:
        return f"{text} {_UNITS[unit]}"
    return value if isinstance(value, int) else float(text)


def _fields(value: Any) -> list[tuple[str, Any]]:
    names = type(value).model_fields if isinstance(value, BaseModel) else [f.name for f in fields(value)]
    return [(name, getattr(value, name)) for name in names]
