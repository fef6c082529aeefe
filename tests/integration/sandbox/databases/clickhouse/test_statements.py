"""What clickhouse-connect can do with the server: the protocol, statement by statement."""

from __future__ import annotations

import datetime
import gzip
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

pytestmark = pytest.mark.sandbox
Connect = Callable[..., Any]


def test_rows_come_back_as_they_were_inserted(client: Any, table: str) -> None:
    rows = [[1, "a;b'c\\d\n", Decimal("1.234567")], [2, "ü", Decimal("-0.000001")]]
    summary = client.insert(table, rows, column_names=["number", "word", "money"])
    assert summary.written_rows == 2
    assert [list(row) for row in client.query(f"SELECT * FROM {table} ORDER BY number").result_rows] == rows


def test_a_command_reports_the_rows_it_wrote(client: Any, table: str) -> None:
    assert client.command(f"INSERT INTO {table} SELECT number, '', 1 FROM numbers(1000)").written_rows == 1000
    assert client.command(f"INSERT INTO {table} VALUES (1, 'a;b', 1), (2, 'FORMAT', 2)").written_rows == 2


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", 1),
        ("SELECT 'a', 'b'", ["a", "b"]),
        ("WITH 2 AS two SELECT two", 2),
        ("(SELECT 3)", 3),
        ("EXISTS TABLE system.one", 1),
        ("SELECT ';' -- a comment; with a semicolon", ";"),
        ("SELECT length($tag$ it's; $tag$)", 7),
        ("SELECT 4;", 4),
    ],
)
def test_commands_that_answer(client: Any, sql: str, expected: object) -> None:
    assert client.command(sql) == expected


def test_a_question_answers_in_the_client_own_format(client: Any, table: str) -> None:
    assert [row[0] for row in client.query(f"DESCRIBE TABLE {table}").result_rows] == [
        "number",
        "word",
        "money",
    ]
    assert (table,) in client.query("SHOW TABLES").result_rows


def test_parameters_are_bound_by_the_server_whatever_they_contain(client: Any) -> None:
    values = {
        "text": 'it\'s \\ a\ttab, a\nline, "quotes" and ü',
        "numbers": [1, 2, 3],
        "nothing": None,
        "day": datetime.date(2026, 1, 31),
        "money": Decimal("0.000001"),
    }
    types = ("String", "Array(UInt8)", "Nullable(String)", "Date", "Decimal(10, 6)")
    sql = "SELECT " + ", ".join(f"{{{name}:{kind}}}" for name, kind in zip(values, types, strict=True))
    assert client.query(sql, parameters=values).result_rows == [tuple(values.values())]


def test_parameters_in_a_form(connect: Connect) -> None:
    client = connect(form_encode_query_params=True)
    text = "x" * 200_000 + "ü\n"
    assert client.query("SELECT {text:String}", parameters={"text": text}).result_rows == [(text,)]


def test_the_columns_of_an_empty_result_can_be_asked_for(client: Any, table: str) -> None:
    assert client.query(f"SELECT * FROM {table} LIMIT 0").column_names == ("number", "word", "money")
    assert client.query(f"SELECT * FROM {table}").result_rows == []


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM nowhere", 60),
        ("SELEC 1", 62),
        ("SELECT 1; SELECT 2", 62),
        ("SELECT nosuch FROM system.one", 47),
        ("SELECT nosuch()", 46),
        ("SELECT 1 FORMAT NoSuch", 73),
        ("SELECT throwIf(1, 'on purpose')", 395),
        ("DROP TABLE nowhere", 60),
    ],
)
def test_an_error_has_its_code_and_leaves_nothing_to_the_next_statement(
    client: Any, sql: str, code: int
) -> None:
    with pytest.raises(DatabaseError) as error:
        client.command(sql)
    assert error.value.code == code
    assert (
        client.raw_query("SELECT 'next'", fmt="TabSeparatedWithNamesAndTypes")
        == b"\\'next\\'\nString\nnext\n"
    )


def test_an_error_after_rows_is_an_error_when_the_client_waits_for_the_end(client: Any) -> None:
    with pytest.raises(DatabaseError, match="on purpose") as error:
        client.query("SELECT throwIf(number = 3000000, 'on purpose') FROM numbers(10000000)")
    assert error.value.code == 395


@pytest.mark.parametrize("compress", ["lz4", "zstd", False])
def test_an_error_in_the_middle_of_a_stream_arrives_inside_it(connect: Connect, compress: str | bool) -> None:
    client = connect(compress=compress)
    seen = 0
    sql = "SELECT number, throwIf(number = 3000000, 'on purpose') FROM numbers(10000000)"
    failure = None
    try:
        with client.query_row_block_stream(sql, settings={"max_threads": 1}) as blocks:
            for block in blocks:
                seen += len(block)
    except StreamFailureError as error:
        failure = error
    assert "on purpose" in str(failure)
    assert 0 < seen <= 3_000_000
    assert client.command("SELECT 1") == 1


def test_a_stream_left_early_does_not_block_the_session(client: Any) -> None:
    with client.query_row_block_stream("SELECT number FROM numbers(50000000)") as blocks:
        next(blocks)
    assert client.command("SELECT 1") == 1


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_compression_both_ways(connect: Connect, table: str, compress: str | bool) -> None:
    client = connect(compress=compress)
    rows = [[number, "word" * 10, Decimal(number)] for number in range(9000)]
    client.insert(table, rows, column_names=["number", "word", "money"])
    assert client.query(f"SELECT sum(number), sum(money), count() FROM {table}").result_rows == [
        (40495500, Decimal(40495500), 9000)
    ]
    assert client.query("SELECT number FROM numbers(300000)").row_count == 300_000


def test_raw_inserts_stream_any_format(client: Any, table: str) -> None:
    columns = ["number", "word", "money"]
    client.raw_insert(table, columns, "1,a,1\n2,b,2\n", fmt="CSV")
    client.raw_insert(table, columns, gzip.compress(b"3,c,3\n"), fmt="CSV", compression="gzip")
    client.raw_insert(table, columns, (b"%d\tx\t1\n" % n for n in range(100_000)), fmt="TabSeparated")
    client.raw_insert(table, columns, b'{"number": 9, "word": "j", "money": 1}\n', fmt="JSONEachRow")
    assert client.command(f"SELECT count() FROM {table}") == 100_004


def test_a_bad_row_refuses_the_insert_and_keeps_the_session_usable(client: Any, table: str) -> None:
    with pytest.raises(DatabaseError) as error:
        client.raw_insert(table, ["number", "word", "money"], "1,a,1\nx,b,2\n", fmt="CSV")
    assert error.value.code == 27
    assert client.command(f"SELECT count() FROM {table}") == 0


def test_results_in_other_formats(client: Any) -> None:
    assert client.raw_query("SELECT number FROM numbers(2)", fmt="CSVWithNames") == b'"number"\n0\n1\n'
    assert client.raw_query("SELECT 1 AS a FORMAT JSONEachRow") == b'{"a":1}\n'
    assert client.query_np("SELECT number FROM numbers(3)").tolist() == [[0], [1], [2]]


def test_a_partition_is_replaced_as_a_whole(client: Any) -> None:
    client.command(
        "CREATE OR REPLACE TABLE target (d Date, n UInt8) ENGINE = MergeTree PARTITION BY d ORDER BY n"
    )
    client.command("CREATE OR REPLACE TABLE source AS target")
    client.command("INSERT INTO target VALUES ('2026-01-31', 1), ('2026-02-01', 9)")
    client.command("INSERT INTO source VALUES ('2026-01-31', 2)")
    client.command(
        "ALTER TABLE target REPLACE PARTITION {day:Date} FROM source",
        parameters={"day": datetime.date(2026, 1, 31)},
    )
    assert client.query("SELECT n FROM target ORDER BY n").result_rows == [(2,), (9,)]
    client.command("DROP TABLE target SYNC")
    client.command("DROP TABLE source SYNC")


def test_the_secrets_of_the_named_collections_stay_hidden(client: Any) -> None:
    rows = client.query("SELECT name, collection FROM system.named_collections ORDER BY name").result_rows
    hidden = dict.fromkeys(["host", "port", "user", "password", "database"], "[HIDDEN]")
    assert rows == [("slipway_ledger", hidden), ("slipway_source", hidden)]
