"""The database that the record of releases is kept in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.postgres.hooks.postgres import PostgresHook
    from sqlalchemy import Engine

from slipway.sql import statement

LEDGER_CONNECTION = "slipway_ledger"
#: Connections to the ledger's database that stay open, and how many more may be open for a moment.
POOL_SIZE, OVERFLOW = 4, 12
#: How long a transaction may wait for one of them.
POOL_SECONDS = 30


class LedgerStore:
    """The door to the ledger's tables.

    :param conn_id: Airflow connection to the PostgreSQL database that holds them.
    """

    def __init__(self, conn_id: str = LEDGER_CONNECTION) -> None:
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        self.hook = PostgresHook(postgres_conn_id=conn_id)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Open a transaction for the block, which is committed at its end and undone on an error.

        :return: its cursor.
        """
        with closing(self.hook.get_conn()) as connection, connection, connection.cursor() as cursor:
            yield cursor

    def row(self, name: str, **values: Any) -> Sequence[Any] | None:
        """Return the first row of a statement with these values, None when there is none.

        :param name: of the statement's file below ``include/sql``.
        """
        with self.transaction() as cursor:
            cursor.execute(statement(name), values)
            found: Sequence[Any] | None = cursor.fetchone()
        return found


class BoundedStore(LedgerStore):
    """The same tables, in sessions that wait for seconds only: for who must not be held up by them.

    :param conn_id: Airflow connection to the PostgreSQL database that holds them.
    :param connect_seconds: how long it may take to connect.
    :param statement_seconds: how long a statement may take.
    :param read_only: whether the sessions can write nothing.
    """

    def __init__(
        self,
        conn_id: str = LEDGER_CONNECTION,
        *,
        connect_seconds: int,
        statement_seconds: int,
        read_only: bool,
    ) -> None:
        super().__init__(conn_id)
        self.hook.options = f"-c statement_timeout={statement_seconds}s" + (
            " -c default_transaction_read_only=on" if read_only else ""
        )
        connection = self.hook.connection
        connection.extra = json.dumps({"connect_timeout": connect_seconds, **connection.extra_dejson})


class PooledStore(BoundedStore):
    """The same tables, in bounded sessions on connections that stay open: for who comes back every second."""

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Open a transaction for the block, which is committed at its end and undone on an error.

        :return: its cursor.
        """
        pool = _pool(_Door(self.hook))
        with closing(pool.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            yield cursor
            connection.commit()


@dataclass(frozen=True)
class _Door:
    """A hook that is the same as another one that opens the same sessions."""

    hook: PostgresHook = field(compare=False)
    uri: str = field(init=False, repr=False)
    options: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "uri", self.hook.connection.get_uri())
        object.__setattr__(self, "options", self.hook.options)


@lru_cache(maxsize=4)
def _pool(door: _Door) -> Engine:
    """Return the connections to a database; one that the server has closed is replaced when it is needed."""
    from sqlalchemy import create_engine

    return create_engine(
        "postgresql+psycopg://",
        creator=door.hook.get_conn,
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        max_overflow=OVERFLOW,
        pool_timeout=POOL_SECONDS,
    )
