"""The SQL that Slipway runs, read from ``include/sql``."""

from __future__ import annotations

import re
from functools import cache

from slipway.paths import INCLUDE

SQL_DIRECTORY = INCLUDE / "sql"
_FOLDER = re.compile(r"^-- queries: ([\w/]+)$", re.MULTILINE)


@cache
def statement(name: str) -> str:
    """Return the text of a statement.

    A line ``-- queries: kpi/daily`` in it stands for the rows of all queries of that folder.

    :param name: path below ``include/sql`` without its ending, such as ``ledger/open_release``.
    :raises FileNotFoundError: when there is no such statement.
    """
    text = (SQL_DIRECTORY / f"{name}.sql").read_text()
    return _FOLDER.sub(lambda line: "\nUNION ALL\n".join(queries(line.group(1))), text)


def queries(name: str) -> list[str]:
    """Return the queries of a folder, in the order of their files, without the comments at their heads.

    :param name: path of the folder below ``include/sql``.
    :raises FileNotFoundError: when it has none.
    """
    paths = sorted((SQL_DIRECTORY / name).glob("*.sql"))
    if not paths:
        raise FileNotFoundError(f"{SQL_DIRECTORY / name}: no *.sql queries")
    return [without_head(path.read_text()).strip() for path in paths]


def without_head(sql: str) -> str:
    """Take the leading comment lines off a statement."""
    lines = sql.splitlines()
    while lines and (lines[0].startswith("--") or not lines[0].strip()):
        lines.pop(0)
    return "\n".join(lines)
