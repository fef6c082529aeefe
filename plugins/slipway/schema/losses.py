"""What a backward migration takes away: the tables and columns that its statements drop. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NAME = r'(?:"[^"]+"|[A-Za-z_]\w*)'
_DOTTED = rf"(?:{_NAME}\s*\.\s*)?{_NAME}"
_TABLES = re.compile(rf"\bDROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?({_DOTTED}(?:\s*,\s*{_DOTTED})*)", re.IGNORECASE)
_ALTER = re.compile(rf"\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?({_DOTTED})\b([^;]*)", re.IGNORECASE)
_COLUMN = re.compile(
    r"\bDROP\s+(?!(?:CONSTRAINT|DEFAULT|NOT|EXPRESSION|IDENTITY)\b)(?:COLUMN\s+)?(?:IF\s+EXISTS\s+)?"
    rf"({_NAME})",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Dropped:
    """A table or a column that statements drop.

    :param table: name of the table, without its schema.
    :param column: name of the column; None for the whole table.
    """

    table: str
    column: str | None = None

    def __str__(self) -> str:
        return f"table {self.table}" if self.column is None else f"column {self.column} of {self.table}"


def dropped(sql: str) -> list[Dropped]:
    """Return the tables and columns that statements drop, each once, in the order of the text.

    :param sql: the statements.
    :return: what is dropped; a view, an index or a constraint holds no data and is not in it.
    """
    return list(dict.fromkeys(_dropped(_COMMENT.sub(" ", sql))))


def _dropped(sql: str) -> Iterator[Dropped]:
    for statement in sql.split(";"):
        for tables in _TABLES.findall(statement):
            yield from (Dropped(_plain(name)) for name in tables.split(","))
        for table, actions in _ALTER.findall(statement):
            yield from (Dropped(_plain(table), _plain(column)) for column in _COLUMN.findall(actions))


def _plain(name: str) -> str:
    """Return the last part of a name as PostgreSQL keeps it: unquoted names are in lower case."""
    last = re.findall(_NAME, name)[-1]
    return str(last[1:-1]) if last.startswith('"') else str(last).lower()
