"""Settings, sessions and many clients at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings
from tests.waiting import until

pytestmark = pytest.mark.sandbox
Connect = Callable[..., Any]
_THREADS = "SELECT value FROM system.settings WHERE name = 'max_threads'"


def threads(client: Any, **settings: int) -> str:
    return str(client.query(_THREADS, settings=settings).result_rows[0][0])


@pytest.mark.parametrize("session", [True, False])
def test_settings_of_a_request_end_with_it(connect: Connect, session: bool) -> None:
    client = connect(autogenerate_session_id=session)
    before = threads(client)
    assert threads(client, max_threads=3) == "3"
    assert threads(client, max_threads=7) == "7"
    assert threads(client) == before


def test_settings_of_a_request_give_way_to_the_session_own_again(connect: Connect) -> None:
    client = connect()
    client.command("SET max_threads = 5")
    assert threads(client, max_threads=3) == "3"
    assert threads(client) == "5"
    client.command("SET max_threads = 6", settings={"max_threads": 2})
    assert threads(client) == "6"
    assert threads(connect()) != "6"


def test_an_unknown_setting_is_refused_and_changes_nothing(connect: Connect, server: Settings) -> None:
    for session in ({}, {"session_id": "unknown-setting"}):
        for name in ("no_such_setting", "max_threads = 1, readonly"):
            answer = _get(server, {**session, "query": "SELECT 1", name: "1"})
            assert answer.headers["X-ClickHouse-Exception-Code"] == "115"
    assert connect().command("SELECT 1") == 1


def test_the_database_of_a_request_holds_for_it_alone(connect: Connect, server: Settings) -> None:
    client = connect()
    assert client.command("SELECT currentDatabase()") == "kpi"
    assert client.command("SELECT currentDatabase()", settings={"database": "system"}) == "system"
    assert client.command("SELECT currentDatabase()") == "kpi"
    with pytest.raises(DatabaseError) as error:
        connect(database="nowhere").command("SELECT 1")
    assert error.value.code == 81


def test_temporary_tables_live_in_their_session(connect: Connect) -> None:
    one, other = connect(), connect()
    one.command("CREATE TEMPORARY TABLE mine (n UInt8)")
    one.insert("mine", [[1], [2]], column_names=["n"])
    assert one.command("SELECT sum(n) FROM mine") == 3
    with pytest.raises(DatabaseError) as error:
        other.command("SELECT * FROM mine")
    assert error.value.code == 60


def test_a_session_admits_one_request_at_a_time(server: Settings) -> None:
    begun = threading.Event()

    def slow() -> httpx.Response:
        begun.set()
        while True:
            # The quick request may be the one that is at work.
            answer = _get(server, {"query": "SELECT sleep(1.5)", "session_id": "locked"})
            if answer.headers.get("X-ClickHouse-Exception-Code") != "373":
                return answer

    def refused() -> bool:
        assert not first.done(), "it has answered, and nobody was refused"
        second = _get(server, {"query": "SELECT 1", "session_id": "locked"})
        return bool(second.headers.get("X-ClickHouse-Exception-Code") == "373")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(slow)
        begun.wait()
        until(refused, "the session at work")
        assert first.result().text == "0\n"
    assert _get(server, {"query": "SELECT 1", "session_id": "locked"}).text == "1\n"


def test_a_session_ends_after_its_timeout(server: Settings) -> None:
    session = {"session_id": "short", "session_timeout": "1"}
    _post(server, session, "CREATE TEMPORARY TABLE brief (n UInt8)")
    assert _get(server, {**session, "session_check": "1", "query": "SELECT count() FROM brief"}).text == "0\n"
    threading.Event().wait(2.5)
    answer = _get(server, {**session, "session_check": "1", "query": "SELECT 1"})
    assert answer.headers["X-ClickHouse-Exception-Code"] == "372"


def test_many_clients_at_once(connect: Connect, client: Any, table: str) -> None:
    def work(number: int) -> int:
        own = connect()
        for _ in range(5):
            own.insert(table, [[number, "", 1]] * 100, column_names=["number", "word", "money"])
            assert own.command(f"SELECT count() FROM {table} WHERE number = {number}") % 100 == 0
        return int(own.command(f"SELECT count() FROM {table} WHERE number = {number}"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [500] * 8
    assert client.command(f"SELECT count() FROM {table}") == 4000


def _headers(server: Settings) -> dict[str, str]:
    return {"X-ClickHouse-User": "slipway", "X-ClickHouse-Key": credentials.load(server).clickhouse_password}


def _get(server: Settings, parameters: dict[str, str]) -> httpx.Response:
    url = f"http://{HOST}:{server.clickhouse_port}/"
    return httpx.get(url, params=parameters, headers=_headers(server), timeout=60)


def _post(server: Settings, parameters: dict[str, str], sql: str) -> httpx.Response:
    url = f"http://{HOST}:{server.clickhouse_port}/"
    return httpx.post(url, params=parameters, headers=_headers(server), content=sql, timeout=60)
