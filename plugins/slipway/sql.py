"""The SQL that Slipway runs: the templates of ``include/sql``.

A value goes to the database by the database's own parameters: ``%(day)s`` for PostgreSQL, ``{day:Date}`` for
ClickHouse. Jinja puts in what cannot be a parameter: names of tables and columns, the queries of a folder,
and what is different on a cluster of ClickHouse servers (``macros.sql``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context

from slipway.paths import INCLUDE

SQL_DIRECTORY = INCLUDE / "sql"
_PLAIN = re.compile(r"[A-Za-z]\w*", re.ASCII)
Names = Mapping[str, str | date]


def statement(name: str, names: Names | None = None, *, cluster: str | None = None) -> str:
    """Return the text of a statement.

    :param name: path below ``include/sql`` without its ending, such as ``ledger/open_release``.
    :param names: values of the template's ``{{ name }}``: a table or column is quoted; a date becomes a
        literal, for Great Expectations, which takes no parameters.
    :param cluster: name of the ClickHouse cluster to define on; None for a single server.
    :return: the statement.
    :raises FileNotFoundError: when there is no such statement.
    :raises jinja2.UndefinedError: when the statement names what is not in ``names``.
    :raises ValueError: when a name cannot be quoted, or the cluster's is no plain name.
    """
    return _fixed(name, cluster) if not names else render(_text(name), names, cluster=cluster)


def render(text: str, names: Names | None = None, *, cluster: str | None = None) -> str:
    """Return the statement that a template's text makes; see :func:`statement`.

    :param text: the template.
    :param names: values of its names.
    :param cluster: name of the ClickHouse cluster to define on.
    :return: the statement.
    """
    if cluster is not None and not _PLAIN.fullmatch(cluster):
        raise ValueError(f"cluster={cluster!r} of the ClickHouse connection is not a plain name")
    quoted = {key: _quoted(value) for key, value in (names or {}).items()}
    return _template(text).render(_macros(cluster) | quoted)


def without_head(sql: str) -> str:
    """Take the leading comment lines off a statement.

    :param sql: the statement.
    :return: the statement from its first other line on.
    """
    lines = sql.splitlines()
    while lines and (lines[0].startswith("--") or not lines[0].strip()):
        lines.pop(0)
    return "\n".join(lines)


def _quoted(value: str | date) -> str:
    """Quote a name as PostgreSQL and ClickHouse both read it, or a date as they read a literal."""
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    if not value or "\\" in value or "\0" in value:
        raise ValueError(f"{value!r} cannot be the name of a table or column")
    return '"' + value.replace('"', '""') + '"'


@pass_context
def _union_all(context: Context, folder: str) -> str:
    """Return the rows of all queries of a folder, in the order of their files."""
    paths = sorted((SQL_DIRECTORY / folder).glob("*.sql"))
    if not paths:
        raise FileNotFoundError(f"{SQL_DIRECTORY / folder}: no *.sql queries")
    queries = (without_head(_template(path.read_text()).render(context.get_all())) for path in paths)
    return "\nUNION ALL\n".join(query.strip() for query in queries)


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(SQL_DIRECTORY),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - SQL, not HTML; names are quoted by _quoted
)
_ENVIRONMENT.globals["union_all"] = _union_all


@cache
def _fixed(name: str, cluster: str | None) -> str:
    """Return a statement that is always the same: a triggerer needs some of them at every check."""
    return render(_text(name), cluster=cluster)


@cache
def _text(name: str) -> str:
    return (SQL_DIRECTORY / f"{name}.sql").read_text()


@cache
def _template(text: str) -> Template:
    return _ENVIRONMENT.from_string(text)


@cache
def _macros(cluster: str | None) -> dict[str, Any]:
    """Return what ``macros.sql`` defines."""
    module = _ENVIRONMENT.get_template("macros.sql").make_module({"cluster": cluster})
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}
