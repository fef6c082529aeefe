"""Two connections show whether a pooler shares the sessions of the server."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.exceptions import MigrationFailed
from slipway.hooks.postgres.pooler import require_own_session


class Session:
    """A process of the server with its settings."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.mark: str | None = None


class Pool:
    """Sessions that are given to transactions.

    :param newest_first: whether the session given back last is given next, as PgBouncer does.
    :param resets: whether a session's settings are reset when it is given back.
    """

    def __init__(self, size: int, *, newest_first: bool = True, resets: bool = False) -> None:
        self.free = deque(Session(pid) for pid in range(100, 100 + size))
        self.newest_first = newest_first
        self.resets = resets

    def take(self) -> Session:
        return self.free.pop() if self.newest_first else self.free.popleft()

    def give_back(self, session: Session) -> None:
        session.mark = None if self.resets else session.mark
        self.free.append(session)


class Connection:
    """A client of the pool; the server behind it is no replica, and writes."""

    reads = (False, False)

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.held: Session | None = None
        self.info = SimpleNamespace(host="10.0.0.5", port=6432)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.held = self.pool.take()
        yield
        self.pool.give_back(self.held)
        self.held = None

    def execute(self, sql: str, parameters: Mapping[str, str], *, prepare: bool) -> Any:
        assert prepare is False
        if "pg_is_in_recovery" in sql:
            return SimpleNamespace(fetchone=lambda: self.reads)
        session = self.held or self.pool.take()
        if "set_config" in sql:
            session.mark = parameters["token"]
        row = (session.pid, session.mark)
        if self.held is None:
            self.pool.give_back(session)
        return SimpleNamespace(fetchone=lambda: row)

    def close(self) -> None:
        pass


def require(first: Pool, second: Pool) -> None:
    hook: Any = SimpleNamespace(
        get_conn=lambda: Connection(second), get_conn_id=lambda: "netra_production_db"
    )
    connection: Any = Connection(first)
    require_own_session(hook, connection)


def test_connections_with_a_session_each_are_taken() -> None:
    own, other = Pool(1), Pool(1)
    other.free[0].pid = 200
    require(own, other)


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("resets", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 20])
def test_a_pool_that_is_shared_is_refused(size: int, newest_first: bool, resets: bool) -> None:
    pool = Pool(size, newest_first=newest_first, resets=resets)
    with pytest.raises(MigrationFailed) as refused:
        require(pool, pool)
    said = str(refused.value)
    assert said.startswith("connection netra_production_db: at 10.0.0.5:6432 is a pooler in transaction mode")


def test_a_session_that_forgets_its_settings_is_refused() -> None:
    own, other = Pool(1, resets=True), Pool(1)
    other.free[0].pid = 200
    with pytest.raises(MigrationFailed, match="forgets the settings"):
        require(own, other)


@pytest.mark.parametrize(
    ("reads", "refused"),
    [
        ((True, True), r"netra_production_db: at 10\.0\.0\.5:6432 is a read replica.* lead to the primary"),
        (
            (False, True),
            r"at 10\.0\.0\.5:6432 sessions are read-only; take default_transaction_read_only off",
        ),
    ],
)
def test_a_server_that_only_reads_is_refused_by_its_address(
    reads: tuple[bool, bool], refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "reads", reads)
    with pytest.raises(MigrationFailed, match=refused):
        require(Pool(2), Pool(2))
