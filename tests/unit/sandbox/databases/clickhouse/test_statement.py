"""Splitting statements: what runs how, and where an INSERT's rows begin."""

from __future__ import annotations

import pytest

from sandbox.databases.clickhouse.errors import QueryError
from sandbox.databases.clickhouse.statement import Kind, parse


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", Kind.SELECT),
        ("  /* head */ -- line\n (select 1)", Kind.SELECT),
        ("WITH 1 AS x SELECT x", Kind.SELECT),
        ("WITH 1 AS x INSERT INTO t SELECT x", Kind.WRITE),
        ("describe table t", Kind.QUESTION),
        ("SHOW TABLES", Kind.QUESTION),
        ("SET a = 1", Kind.SETTING),
        ("USE kpi", Kind.SETTING),
        ("ALTER TABLE t DROP PARTITION 1", Kind.WRITE),
        ("INSERT INTO t SELECT 1 FORMAT Null", Kind.WRITE),
        ("INSERT INTO t (format, `values`) SELECT 1, 2", Kind.WRITE),
        ("INSERT INTO t VALUES (1);", Kind.WRITE),
        ("INSERT INTO t VALUES ('a;b')", Kind.WRITE),
        ("INSERT INTO t FROM INFILE 'x.csv' FORMAT CSV", Kind.WRITE),
        ("INSERT INTO t VALUES", Kind.INSERT_DATA),
        ("INSERT INTO t FORMAT CSV\n1", Kind.INSERT_DATA),
    ],
)
def test_the_kind_of_a_statement(sql: str, kind: Kind) -> None:
    assert parse(sql.encode()).kind is kind


@pytest.mark.parametrize(
    ("sql", "text", "data_format", "rows"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t ", "CSV", b"1,2\n"),
        (b"INSERT INTO t FORMAT CSV\r\n1\n", "INSERT INTO t ", "CSV", b"1\n"),
        (b"INSERT INTO t SETTINGS x=1 FORMAT CSV\n\xff", "INSERT INTO t SETTINGS x=1 ", "CSV", b"\xff"),
        (b"INSERT INTO t FORMAT TSV \n\n\n", "INSERT INTO t ", "TSV", b"\n\n"),
        (b'INSERT INTO t FORMAT JSONEachRow {"a": 1}', "INSERT INTO t ", "JSONEachRow", b'{"a": 1}'),
        (b"INSERT INTO `format` FORMAT CSV\n1", "INSERT INTO `format` ", "CSV", b"1"),
        (b"INSERT INTO t VALUES ", "INSERT INTO t ", "Values", b""),
    ],
)  # fmt: skip
def test_where_the_rows_begin(sql: bytes, text: str, data_format: str, rows: bytes) -> None:
    statement = parse(sql)
    assert (statement.text, statement.format, statement.data) == (text, data_format, rows)


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT 1 FORMAT JSON", "JSON"),
        ("SELECT 1 FORMAT JSON SETTINGS a = 1", "JSON"),
        ("SELECT 1 FORMAT CSV;", "CSV"),
        ("SELECT format('{}', 1)", None),
        ("SELECT 'FORMAT CSV'", None),
        ("SELECT (SELECT 1 FORMAT CSV)", None),
        ("SELECT 1 AS format FROM t WHERE format = 1", None),
    ],
)
def test_the_format_a_query_names(sql: str, name: str | None) -> None:
    assert parse(sql.encode()).format == name


@pytest.mark.parametrize(
    ("sql", "default", "streams"),
    [
        ("SELECT 1", "Native", True),
        ("SELECT 1", "JSON", False),
        ("SELECT 1 FORMAT JSON", "Native", False),
        ("SELECT 1 FORMAT TSV", "JSON", True),
        ("SHOW TABLES", "Native", False),
    ],
)
def test_only_selects_in_formats_without_head_or_foot_stream(sql: str, default: str, streams: bool) -> None:
    assert parse(sql.encode()).streams(default) is streams


@pytest.mark.parametrize(
    "sql", ["", "  -- nothing\n", "SELECT 1; SELECT 2", "DROP TABLE a; DROP TABLE b", "SELECT '\xff'"]
)
def test_statements_that_are_refused(sql: str) -> None:
    with pytest.raises(QueryError) as error:
        parse(sql.encode("latin-1"))
    assert error.value.code == 62


def test_semicolons_that_do_not_separate() -> None:
    sql = "SELECT ';', `a;b`, \";\", $x$;$x$ /* ; */ -- ;\n;;"
    assert parse(sql.encode()).text == "SELECT ';', `a;b`, \";\", $x$;$x$"
