"""The door to a database's schema: migrations in plain SQL, run by yoyo-migrations.

yoyo rather than Alembic: its migrations are the SQL files themselves, forward and ``.rollback.sql`` side by
side, so what a reviewer reads is what the database runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from airflow.sdk import BaseHook
from psycopg import OperationalError
from psycopg.errors import LockNotAvailable, QueryCanceled
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from yoyo import get_backend, read_migrations
from yoyo.backends.base import DatabaseBackend
from yoyo.migrations import MigrationList

from slipway.exceptions import MigrationFailed
from slipway.statements import statement


class SchemaHook(BaseHook):
    """Applies schema migrations to a PostgreSQL database.

    :param postgres_conn_id: connection to the database.
    """

    def __init__(self, postgres_conn_id: str) -> None:
        super().__init__()
        self.postgres_conn_id = postgres_conn_id

    def applied(self, directory: Path) -> list[str]:
        """Return the ids of the migrations in a folder that the database has."""
        with self._backend(options={}) as backend:
            return [migration.id for migration in backend.to_rollback(read_migrations(str(directory)))][::-1]

    def migrate(
        self,
        directory: Path,
        *,
        lock_timeout_seconds: float,
        statement_timeout_seconds: float,
        attempts: int,
        wait_seconds: float,
    ) -> list[str]:
        """Apply what is missing, in order, each in its own transaction; applying nothing is fine.

        A migration that cannot have its lock in time gives up, so that the queries queueing behind it go on,
        and is tried again after a random wait.

        :param directory: folder of ``.sql`` files with ``.rollback.sql`` beside them.
        :param lock_timeout_seconds: longest wait for a lock.
        :param statement_timeout_seconds: longest run of one statement.
        :param attempts: tries in all.
        :param wait_seconds: mean wait before the second try, doubled for each further one.
        :return: ids of the migrations applied now.
        :raises MigrationFailed: naming the migration and what the database said.
        """
        options = {
            "lock_timeout": f"{round(lock_timeout_seconds * 1000)}ms",
            "statement_timeout": f"{round(statement_timeout_seconds * 1000)}ms",
        }
        done: list[str] = []
        again = retry(
            retry=retry_if_exception_type((LockNotAvailable, QueryCanceled, OperationalError)),
            stop=stop_after_attempt(attempts),
            wait=wait_random_exponential(multiplier=wait_seconds, max=8 * wait_seconds),
            reraise=True,
        )
        try:
            again(self._apply)(read_migrations(str(directory)), options, done)
        except psycopg.Error as error:
            at = f"migration {done.pop()}" if done else "connecting or waiting for another migration"
            raise MigrationFailed(
                f"connection {self.postgres_conn_id}: {at} failed, tried at most {attempts} times: "
                f"{' '.join(str(error).split())}"
            ) from error
        return done

    def _apply(self, migrations: MigrationList, options: dict[str, str], done: list[str]) -> None:
        """Apply what is missing; the last of ``done`` is the one under way."""
        with self._backend(options=options) as backend:
            # yoyo's own lock is a row that outlives a killed process; this one ends with its session.
            backend.execute(statement("postgres/migration_lock"))
            for migration in backend.to_apply(migrations):
                if migration.id not in done:
                    done.append(migration.id)
                backend.apply_one(migration)

    @contextmanager
    def _backend(self, *, options: dict[str, str]) -> Iterator[DatabaseBackend]:
        connection = self.get_connection(self.postgres_conn_id)
        query = urlencode({"options": " ".join(f"-c {key}={value}" for key, value in options.items())})
        backend = get_backend(
            f"postgresql+psycopg://{quote(connection.login or '', safe='')}:"
            f"{quote(connection.password or '', safe='')}@{connection.host}:{connection.port or 5432}/"
            f"{connection.schema}?{query}"
        )
        try:
            yield backend
        finally:
            self._close(backend)

    @staticmethod
    def _close(backend: Any) -> None:
        backend.connection.close()
