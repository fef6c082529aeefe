"""Read-only checks of a PostgreSQL database: who holds its tables, how big it is, what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import BaseHook

from slipway.exceptions import DatabaseNotReady
from slipway.policy.migrations import Sampling
from slipway.schema.catalog import Catalog, Table
from slipway.schema.losses import Dropped
from slipway.sql import statement


@dataclass(frozen=True)
class LongTransaction:
    """A session that has held a table for long, and would hold a migration up.

    :param age_seconds: since its transaction began.
    :param mode: a lock that it holds on the table.
    """

    pid: int
    user: str
    application: str
    state: str
    age_seconds: float
    table: str
    mode: str

    def __str__(self) -> str:
        return (
            f"session {self.pid} (user {self.user}, application {self.application or 'unnamed'}, "
            f"{self.state}) has held {self.table} ({self.mode}) for {self.age_seconds:.0f} s"
        )


@dataclass(frozen=True)
class KeyRange:
    """A part of a table: the rows whose key is between two keys, both included."""

    table: str
    key: str
    start: str
    end: str

    def __str__(self) -> str:
        return f"{self.table} from {self.key} {self.start} to {self.end}"


class DatabaseStateHook(BaseHook):
    """Reads how a PostgreSQL database is.

    :param postgres_conn_id: connection to the database.
    """

    def __init__(self, postgres_conn_id: str) -> None:
        super().__init__()
        self.postgres_conn_id = postgres_conn_id

    def long_transactions(self, tables: Sequence[str], *, older_than_seconds: float) -> list[LongTransaction]:
        """Return who has held one of the tables for longer than this.

        :param tables: names of the tables.
        :param older_than_seconds: age of the transaction, in seconds.
        :raises DatabaseNotReady: when the database gives no answer.
        """
        with self._cursor() as cursor:
            cursor.execute(
                statement("postgres/schema/long_transactions"),
                {"tables": list(tables), "seconds": older_than_seconds},
            )
            return [LongTransaction(*row) for row in cursor.fetchall()]

    def sizes(self, tables: Sequence[str]) -> tuple[int, int]:
        """Return the bytes of all the server's databases, and of these tables with their indexes.

        :param tables: names of the tables.
        :raises DatabaseNotReady: when the database gives no answer.
        """
        with self._cursor() as cursor:
            cursor.execute(statement("postgres/schema/sizes"), {"tables": list(tables)})
            total, touched = cursor.fetchone()
        return int(total), int(touched)

    def catalog(self) -> Catalog:
        """Return the tables with their columns, indexes and constraints.

        :raises DatabaseNotReady: when the database gives no answer.
        """
        tables: dict[str, Table] = {}
        with self._cursor() as cursor:
            for part in ("columns", "indexes", "constraints"):
                cursor.execute(statement(f"postgres/schema/catalog_{part}"))
                for table, name, definition in cursor.fetchall():
                    getattr(tables.setdefault(table, Table()), part)[name] = definition
        return tables

    def key_ranges(self, sampling: Sampling) -> list[KeyRange]:
        """Choose what is counted of the tables that are too big to be counted: ranges spread over their keys.

        :param sampling: which tables, and how much of them.
        :raises DatabaseNotReady: when the database gives no answer.
        """
        found = []
        with self._cursor() as cursor:
            cursor.execute(
                statement("postgres/schema/big_tables"), {"bytes": sampling.counted_up_to_mib * 2**20}
            )
            for table, key, bounds in cursor.fetchall():
                step = max(1, (len(bounds) - 1) // sampling.ranges)
                for start in bounds[:-1:step]:
                    values = {"start": start, "rows": sampling.range_rows}
                    cursor.execute(_of_keys("key_range", table, key), values)
                    if (row := cursor.fetchone()) is not None:
                        found.append(KeyRange(table, key, start, row[0]))
                cursor.execute(_of_keys("last_key_range", table, key), {"rows": sampling.range_rows})
                found.append(KeyRange(table, key, *cursor.fetchone()))
        return found

    def row_counts(self, ranges: Sequence[KeyRange] = ()) -> dict[str, int]:
        """Count every table's rows: of a table with ranges only those within them.

        :param ranges: of tables that are too big to be counted.
        :return: rows by table or range.
        :raises DatabaseNotReady: when the database gives no answer.
        """
        counts = {}
        with self._cursor() as cursor:
            cursor.execute(statement("postgres/schema/tables"))
            present = {name for (name,) in cursor.fetchall()}
            for name in sorted(present - {found.table for found in ranges}):
                cursor.execute(statement("postgres/schema/count_rows", {"table": name}))
                counts[name] = int(cursor.fetchone()[0])
            for found in ranges:
                if found.table in present:
                    values = {"start": found.start, "end": found.end}
                    cursor.execute(_of_keys("count_key_range", found.table, found.key), values)
                    counts[str(found)] = int(cursor.fetchone()[0])
        return counts

    def filled_rows(self, parts: Sequence[Dropped]) -> dict[Dropped, int]:
        """Count the rows of tables, and the rows in which columns hold a value.

        :param parts: the tables and columns; one that the database does not have is left out.
        :raises DatabaseNotReady: when the database gives no answer.
        """
        catalog, counts = self.catalog(), dict[Dropped, int]()
        with self._cursor() as cursor:
            for part in parts:
                if part.column is None and part.table in catalog:
                    cursor.execute(statement("postgres/schema/count_rows", {"table": part.table}))
                elif part.column is not None and part.column in catalog.get(part.table, Table()).columns:
                    names = {"table": part.table, "column": part.column}
                    cursor.execute(statement("postgres/schema/count_filled", names))
                else:
                    continue
                counts[part] = int(cursor.fetchone()[0])
        return counts

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        try:
            connection: Any = PostgresHook(postgres_conn_id=self.postgres_conn_id).get_conn()
            connection.autocommit = True
            with closing(connection), connection.cursor() as cursor:
                yield cursor
        except psycopg.Error as error:
            raise DatabaseNotReady(
                f"connection {self.postgres_conn_id}: {' '.join(str(error).split())}"
            ) from error


def _of_keys(name: str, table: str, key: str) -> str:
    return statement(f"postgres/schema/{name}", {"table": table, "key": key})
