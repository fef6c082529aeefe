"""The database that the record of releases is kept in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

LEDGER_CONNECTION = "slipway_ledger"


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
