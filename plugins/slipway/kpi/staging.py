"""Names of staging tables: each try of each run writes its own, so that two never write the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

PREFIX = "stg_"
_LONGEST_RUN_PART = 80
_IDENTIFIER = re.compile(r"\{(\w+):Identifier\}")
_NAME = re.compile(r"\w+", re.ASCII)


def run_suffix(run_id: str) -> str:
    """Return the part of a staging table's name that belongs to a run, whatever its try.

    Characters that a table name cannot have become ``_``; a digest keeps different runs apart.
    """
    readable = re.sub(r"[^A-Za-z0-9]+", "_", run_id)[:_LONGEST_RUN_PART]
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return f"__{readable}_{digest}__try"


def staging_table(table: str, run_id: str, try_number: int) -> str:
    """Name the staging table of one try.

    :param table: the table it is shaped like.
    """
    return f"{PREFIX}{table}{run_suffix(run_id)}{try_number}"


def bind_identifiers(sql: str, tables: Mapping[str, str]) -> str:
    """Put table names in for ``{name:Identifier}``.

    ClickHouse does this itself in most statements, but not in ``ALTER TABLE``; typed values such as
    ``{day:Date}`` are left for it.

    :raises KeyError: when the statement names a table that is not given.
    :raises ValueError: when a table's name is not a plain identifier.
    """

    def quoted(match: re.Match[str]) -> str:
        name = tables[match.group(1)]
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a plain table name")
        return f"`{name}`"

    return _IDENTIFIER.sub(quoted, sql)
