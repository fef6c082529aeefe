"""One session that migrates: a connection that stays out of the way, the lock, and what is on record."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from airflow.providers.postgres.hooks.postgres import PostgresHook
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri

from slipway.exceptions import MigrationFailed, WrongDatabase
from slipway.hooks.postgres.pooler import require_own_session
from slipway.policy.migrations import Pace
from slipway.schema.contract import Migration, Versions
from slipway.schema.plan import AppliedMigration
from slipway.sql import statement

APPLICATION = "slipway migration"
_MIGRATION_TABLE = "_yoyo_migration"
_LOCK_POLL_SECONDS = 0.5
# With it the server notices that a killed client is gone, and ends the statement that it left behind.
_NOTICES_A_GONE_CLIENT = 140000
_BOUNDS_A_TRANSACTION = 170000


@dataclass(frozen=True)
class DatabaseIdentity:
    """Whose database a connection has to lead to.

    :param product: name of the policy.
    :param environment: ``staging`` or ``production``.
    :param base: tables that were there before the first migration.
    """

    product: str
    environment: str
    base: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{self.product}/{self.environment}"


class Backend(PostgresqlPsycopgBackend):
    """yoyo on a connection of Airflow's hook, which knows every option that a connection can have."""

    def __init__(self, hook: PostgresHook) -> None:
        self._hook = hook
        super().__init__(parse_uri("postgresql+psycopg:///"), _MIGRATION_TABLE)

    def connect(self, dburi: Any) -> Any:
        """Open the connection."""
        connection: Any = self._hook.get_conn()
        connection.autocommit = True
        return connection


class MigrationSession:
    """A session that holds the lock: no other one migrates this database.

    :param backend: yoyo's way to the database.
    :param pace: how much the session may stand in the way.
    """

    def __init__(self, backend: Backend, pace: Pace) -> None:
        self.backend = backend
        self.connection: psycopg.Connection[Any] = backend.connection
        self.pace = pace

    def set(self, **settings: str) -> None:
        """Set session settings."""
        for name, value in settings.items():
            self.connection.execute("SELECT set_config(%s, %s, false)", (name, value))

    def stay_out_of_the_way(self, *, batches: bool = False) -> None:
        """Bound what makes queries of the application wait: a lock, waited for and held.

        :param batches: whether it is for a backfill, whose one statement a transaction is bound by itself: a
            batch that is too big must not cost the session.
        """
        self.set(
            lock_timeout=_milliseconds(self.pace.lock_timeout_seconds),
            statement_timeout=_milliseconds(self.pace.standing_in_the_way_seconds),
        )
        if self.connection.info.server_version >= _BOUNDS_A_TRANSACTION:
            seconds = 0.0 if batches else self.pace.standing_in_the_way_seconds
            self.set(transaction_timeout=_milliseconds(seconds))

    def wait_for_vacuum(self, migration: Migration) -> None:
        """Let a vacuum of the tables that a migration names come to its end, or end an automatic one.

        An automatic vacuum of a big table takes minutes, and gives way only to who has waited a second for it
        (``deadlock_timeout``): longer than a migration waits for a lock that makes queries queue. This lock
        makes none queue, so it is waited for first.
        """
        self.take_time()
        names = sorted(set(re.findall(r"\w+", migration.sql)))
        tables = self.connection.execute(statement("postgres/schema/lockable_tables"), {"names": names})
        for (table,) in tables.fetchall():
            with self.connection.transaction():
                self.connection.execute(statement("postgres/schema/wait_for_vacuum", {"table": table}))

    def take_time(self) -> None:
        """Bound what makes no query wait."""
        self.set(
            lock_timeout=_milliseconds(self.pace.concurrent_wait_seconds),
            statement_timeout=_milliseconds(self.pace.statement_timeout_seconds),
        )
        if self.connection.info.server_version >= _BOUNDS_A_TRANSACTION:
            self.set(transaction_timeout="0")

    def record(self, migration: Migration) -> None:
        """Write down a migration as it is declared."""
        self.connection.execute(
            statement("postgres/schema/record_migration"),
            {
                "name": migration.name,
                "kind": migration.kind,
                "runs_with": str(migration.runs_with),
                "checksum": migration.checksum,
            },
        )

    def forget(self, migration: Migration) -> None:
        """Take a migration off the record, and how far its backfill got."""
        self.connection.execute(statement("postgres/schema/forget_migration"), {"name": migration.name})


@contextmanager
def migration_session(
    hook: PostgresHook, pace: Pace, identity: DatabaseIdentity
) -> Iterator[MigrationSession]:
    """Open a session and take the lock, which ends with the session, also with a killed one.

    :param hook: the provider's hook.
    :param pace: how much the session may stand in the way.
    :param identity: whose database it has to be.
    :return: the session.
    :raises MigrationFailed: when another migration holds the lock for too long, or a pooler gives each
        transaction another session.
    :raises WrongDatabase: when the database is another one's.
    """
    backend = Backend(hook)
    try:
        session = MigrationSession(backend, pace)
        require_own_session(hook, session.connection)
        session.set(application_name=APPLICATION)
        if session.connection.info.server_version >= _NOTICES_A_GONE_CLIENT:
            session.set(client_connection_check_interval="1s")
        session.take_time()
        _take_lock(session.connection, pace.concurrent_wait_seconds)
        require_identity(session.connection, identity)
        _prepare(session, identity)
        yield session
    finally:
        backend.connection.close()


def read_applied(connection: psycopg.Connection[Any]) -> list[AppliedMigration]:
    """Return the migrations that a database has; changes nothing.

    :param connection: a connection to the database.
    :return: the migrations, in the order of their names.
    """
    if not exists(connection, _MIGRATION_TABLE):
        return []
    known = exists(connection, "slipway_migration")
    rows = connection.execute(
        statement("postgres/schema/read_applied" if known else "postgres/schema/read_applied_bare")
    )
    return [
        AppliedMigration(name, checksum, None if runs_with is None else Versions(runs_with))
        for name, checksum, runs_with in rows
    ]


def lock_holder(connection: psycopg.Connection[Any]) -> str | None:
    """Return who migrates a database at this moment, None when nobody does; changes nothing.

    :param connection: a connection to the database.
    """
    holder = connection.execute(statement("postgres/schema/lock_holder")).fetchone()
    return None if holder is None else f"session {holder[0]} ({holder[1]}, since {holder[2]:%F %T} UTC)"


def exists(connection: psycopg.Connection[Any], table: str) -> bool:
    """Tell whether a table is there.

    :param connection: a connection to the database.
    :param table: its name.
    :return: whether it is.
    """
    row = connection.execute(statement("postgres/schema/table_exists"), {"name": table}).fetchone()
    return bool(row and row[0])


def answering_within(postgres_conn_id: str, seconds: int) -> PostgresHook:
    """Return a hook whose connecting and whose every statement ends within a bound.

    :param postgres_conn_id: connection to the database.
    :param seconds: the bound.
    """
    hook = PostgresHook(postgres_conn_id=postgres_conn_id, options=f"-c statement_timeout={seconds}s")
    extra = hook.connection.extra_dejson
    hook.connection.extra = json.dumps({"connect_timeout": seconds, **extra})
    return hook


def require_identity(connection: psycopg.Connection[Any], identity: DatabaseIdentity) -> None:
    """Make sure that the database is the expected one; changes nothing.

    :param connection: a connection to the database.
    :param identity: whose database it has to be.
    :raises WrongDatabase: saying whose it is.
    """
    if exists(connection, "slipway_database"):
        row = connection.execute(statement("postgres/schema/read_identity")).fetchone()
        found = None if row is None else DatabaseIdentity(*row)
        if found and (found.product, found.environment) != (identity.product, identity.environment):
            raise WrongDatabase(
                f"database {connection.info.dbname}: connected to {found}'s database, expected {identity}'s; "
                "correct the connection (or slipway_database, if the database was copied on purpose)"
            )
        return
    missing = [table for table in identity.base if not exists(connection, table)]
    if missing:
        raise WrongDatabase(
            f"database {connection.info.dbname}: has no table {', '.join(missing)}, which {identity}'s "
            "database has since before the first migration; correct the connection"
        )


def _take_lock(connection: psycopg.Connection[Any], bound: float) -> None:
    deadline = time.monotonic() + bound
    while True:
        row = connection.execute(statement("postgres/schema/try_lock")).fetchone()
        if row and row[0]:
            return
        if time.monotonic() > deadline:
            who = lock_holder(connection) or "a session"
            raise MigrationFailed(
                f"database {connection.info.dbname}: another migration is running: {who} held the lock for "
                f"{bound:g} s; wait until it ends, then run this again"
            )
        time.sleep(_LOCK_POLL_SECONDS)


def _prepare(session: MigrationSession, identity: DatabaseIdentity) -> None:
    # yoyo's own lock is a row that outlives a killed process. We hold one that does not.
    session.backend.create_lock_table()
    session.backend.break_lock()
    session.backend.ensure_internal_schema_updated()
    with session.connection.transaction():
        session.connection.execute(statement("postgres/schema/bookkeeping"))
        session.connection.execute(
            statement("postgres/schema/record_identity"),
            {"product": identity.product, "environment": identity.environment},
        )


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
