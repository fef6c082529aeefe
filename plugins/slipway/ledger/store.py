"""The database that the record of releases is kept in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

LEDGER_CONNECTION = "slipway_ledger"


class LedgerStore:
    """Base of what reads and writes the ledger's tables.

    :param conn_id: Airflow connection to the PostgreSQL database that holds them.
    """

    def __init__(self, conn_id: str = LEDGER_CONNECTION) -> None:
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        self._hook = PostgresHook(postgres_conn_id=conn_id)

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with closing(self._hook.get_conn()) as connection, connection, connection.cursor() as cursor:
            yield cursor
