"""The SQL that Slipway runs, read from ``include/sql``."""

from __future__ import annotations

from functools import cache

from slipway.paths import INCLUDE

SQL_DIRECTORY = INCLUDE / "sql"


@cache
def statement(name: str) -> str:
    """Return the text of a statement.

    :param name: path below ``include/sql`` without its ending, such as ``ledger/open_release``.
    :raises FileNotFoundError: when there is no such statement.
    """
    return (SQL_DIRECTORY / f"{name}.sql").read_text()
