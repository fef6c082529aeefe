"""The HTTP interface below the client: who may ask, and how errors look on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings

pytestmark = pytest.mark.sandbox
Connect = Callable[..., Any]


@pytest.fixture
def http(server: Settings) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{HOST}:{server.clickhouse_port}", timeout=10) as made:
        yield made


@pytest.fixture
def password(server: Settings) -> str:
    return credentials.load(server).clickhouse_password


def test_it_says_that_it_lives_without_a_password(http: httpx.Client) -> None:
    assert http.get("/ping").text == "Ok.\n"
    assert http.get("/").text == "Ok.\n"


@pytest.mark.parametrize(
    "wrong", [{"password": "wrong"}, {"username": "default"}, {"username": "", "password": ""}]
)
def test_a_wrong_name_or_password_is_refused(connect: Connect, wrong: dict[str, str]) -> None:
    with pytest.raises(DatabaseError) as error:
        connect(**wrong)
    assert error.value.code == 516


def test_every_way_to_authenticate(http: httpx.Client, password: str) -> None:
    query = {"query": "SELECT 1"}
    by_header = {"X-ClickHouse-User": "slipway", "X-ClickHouse-Key": password}
    assert http.get("/", params=query, auth=("slipway", password)).text == "1\n"
    assert http.get("/", params=query, headers=by_header).text == "1\n"
    assert http.get("/", params={**query, "user": "slipway", "password": password}).text == "1\n"
    refused = http.get("/", params=query)
    assert refused.status_code == 403
    assert refused.headers["X-ClickHouse-Exception-Code"] == "516"


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT * FROM nowhere", 404, 60),
        ("SELEC 1", 400, 62),
        ("", 400, 62),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT 1 SETTINGS max_execution_time = 'x'", 400, 72),
    ],
)
def test_an_error_has_a_status_a_code_and_a_text(
    http: httpx.Client, password: str, sql: str, status: int, code: int
) -> None:
    answer = http.post("/", content=sql, auth=("slipway", password))
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


def test_a_get_does_not_write(http: httpx.Client, password: str) -> None:
    answer = http.get("/", params={"query": "DROP TABLE IF EXISTS x"}, auth=("slipway", password))
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"


def test_rows_may_follow_their_statement_in_the_body(http: httpx.Client, password: str) -> None:
    auth = ("slipway", password)
    http.post("/", content="CREATE TABLE body_rows (n UInt64) ENGINE = Memory", auth=auth).raise_for_status()
    for query, body in [
        ("INSERT INTO body_rows FORMAT CSV", b"1\n2\n"),
        ("INSERT INTO body_rows VALUES", b"(3),(4)"),
        (None, b"INSERT INTO body_rows FORMAT TSV\n5\n6\n"),
        (None, b"INSERT INTO body_rows (n) VALUES (7), (8)"),
    ]:
        parameters = {"query": query} if query else {}
        http.post("/", params=parameters, content=body, auth=auth).raise_for_status()
    total = http.post("/", content="SELECT count(), sum(n) FROM body_rows", auth=auth)
    assert total.text == "8\t36\n"
    http.post("/", content="DROP TABLE body_rows", auth=auth).raise_for_status()


def test_a_failed_upload_leaves_the_connection_usable(http: httpx.Client, password: str) -> None:
    auth = ("slipway", password)
    rows = (b"1\n" * 5000 for _ in range(400))
    answer = http.post("/", params={"query": "INSERT INTO nowhere FORMAT CSV"}, content=rows, auth=auth)
    assert answer.headers["X-ClickHouse-Exception-Code"] == "60"
    assert http.post("/", content="SELECT 1", auth=auth).text == "1\n"


@pytest.mark.parametrize("parameter", ["compress", "decompress"])
def test_clickhouse_own_framing_is_refused_by_name(http: httpx.Client, password: str, parameter: str) -> None:
    answer = http.post("/", params={parameter: "1"}, content="SELECT 1", auth=("slipway", password))
    assert answer.status_code == 501
    assert parameter in answer.text


def test_a_small_query_is_answered_without_delay(http: httpx.Client, password: str) -> None:
    http.post("/", content="SELECT 1", auth=("slipway", password))
    fastest = min(
        http.post("/", content="SELECT 1", auth=("slipway", password)).elapsed.total_seconds()
        for _ in range(40)
    )
    # Nagle's algorithm with delayed acknowledgements costs 40 ms on every one of them.
    assert fastest < 0.035
