"""Migrations of a PostgreSQL schema, in plain SQL, run by yoyo-migrations.

yoyo rather than Alembic: its migrations are the SQL files themselves, forward and ``.rollback.sql`` side by
side, so what a reviewer reads is what the database runs. Around it stands what yoyo has not: a lock that ends
with its session, a migration and its record in one transaction, and bounds on how long anybody waits for us.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import BaseHook
from psycopg.errors import InterfaceError, OperationalError, QueryCanceled, TransactionTimeout
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from yoyo import read_migrations as read_files

from slipway.exceptions import MigrationFailed, MigrationInvalid
from slipway.hooks.postgres.backfill import Backfill, BackfillProgress
from slipway.hooks.postgres.pooler import require_own_session
from slipway.hooks.postgres.session import (
    DatabaseIdentity,
    MigrationSession,
    answering_within,
    lock_holder,
    migration_session,
    read_applied,
    require_identity,
)
from slipway.policy.migrations import Pace
from slipway.schema.contract import Migration, read_migrations
from slipway.schema.plan import AppliedMigration, require_unchanged
from slipway.sql import statement


class SchemaHook(BaseHook):
    """Applies schema migrations to a PostgreSQL database.

    :param postgres_conn_id: connection to the database.
    :param answer_seconds: bound of connecting and of every statement; None for the connection's own.
    """

    def __init__(self, postgres_conn_id: str, *, answer_seconds: int | None = None) -> None:
        super().__init__()
        self.postgres_conn_id = postgres_conn_id
        self.answer_seconds = answer_seconds

    def applied(self, identity: DatabaseIdentity | None = None) -> list[AppliedMigration]:
        """Return the migrations that the database has, in the order of their names; changes nothing.

        :param identity: whose database it has to be; None for whose it may be.
        :raises WrongDatabase: when it is another one's.
        :raises MigrationFailed: when the database cannot be read.
        """
        try:
            connection: Any = self._postgres.get_conn()
            with closing(connection):
                if identity is not None:
                    require_identity(connection, identity)
                return read_applied(connection)
        except psycopg.Error as error:
            raise MigrationFailed(f"connection {self.postgres_conn_id}: {_in_one_line(error)}") from error

    def migrating(self) -> str | None:
        """Return the session that migrates the database at this moment, None when none does.

        :raises MigrationFailed: when the database cannot be read.
        """
        try:
            connection: Any = self._postgres.get_conn()
            with closing(connection):
                return lock_holder(connection)
        except psycopg.Error as error:
            raise MigrationFailed(f"connection {self.postgres_conn_id}: {_in_one_line(error)}") from error

    def require_own_session(self) -> None:
        """Refuse a connection through a pooler that gives each transaction another session.

        :raises MigrationFailed: naming the pooler's address, or when the database cannot be read.
        """
        try:
            connection: Any = self._postgres.get_conn()
            connection.autocommit = True
            with closing(connection):
                require_own_session(self._postgres, connection)
        except psycopg.Error as error:
            raise MigrationFailed(f"connection {self.postgres_conn_id}: {_in_one_line(error)}") from error

    def migrate(
        self,
        directory: Path,
        *,
        pace: Pace,
        identity: DatabaseIdentity,
        only: Collection[str] | None = None,
        report: Callable[[BackfillProgress], None] | None = None,
        require: Callable[[], None] | None = None,
    ) -> list[str]:
        """Apply what is missing, in order; applying nothing is fine.

        A migration that cannot have its lock in time gives up, so that the queries queueing behind it go on,
        and is tried again after a random wait. Killed at any moment and run again it ends in the same state.

        :param directory: folder of ``.sql`` files with ``.rollback.sql`` beside them.
        :param pace: how much a migration may stand in the way, and how often it tries again.
        :param identity: whose database it has to be.
        :param only: names of the migrations that may be applied; None for all.
        :param report: called with the progress of a backfill; None for the log alone.
        :param require: called before each migration, with the lock held; raises when it may not be applied
            any more.
        :return: names of the migrations applied now.
        :raises MigrationInvalid: when a file may not be applied as written; nothing was applied.
        :raises MigrationChanged: when a migration was changed after it was applied; nothing was applied.
        :raises WrongDatabase: when the database is another one's; nothing was applied.
        :raises MigrationFailed: naming the migration and what the database said.
        """
        declared = {migration.name: migration for migration in read_migrations(directory)}
        wanted = set(declared if only is None else only)
        done: list[str] = []
        while (
            name := self._apply_one(directory, declared, wanted, pace, identity, report, require)
        ) is not None:
            self.log.info("Migration %s applied", name)
            done.append(name)
        return done

    def undo(self, directory: Path, name: str, *, pace: Pace, identity: DatabaseIdentity) -> bool:
        """Undo a migration by its ``.rollback.sql``, as carefully as it was applied.

        :param directory: folder of ``.sql`` files with ``.rollback.sql`` beside them.
        :param name: of the migration.
        :param pace: how much it may stand in the way, and how often it tries again.
        :param identity: whose database it has to be.
        :return: False when the database does not have it.
        :raises MigrationInvalid: when there is no such file, or what depends on it is still applied.
        :raises MigrationChanged: when a migration was changed after it was applied.
        :raises WrongDatabase: when the database is another one's.
        :raises MigrationFailed: with what the database said.
        """
        declared = {migration.name: migration for migration in read_migrations(directory)}
        if name not in declared:
            raise MigrationInvalid(f"migration {name}: there is no such file in {directory}")
        at = [f"undoing migration {name}"]
        with self._as_migration_failed(pace, at):
            for attempt in self._tries(pace, at):
                with attempt, migration_session(self._postgres, pace, identity) as session:
                    _adopt(session, declared)
                    present = {was.name for was in read_applied(session.connection)}
                    needing = [m.name for m in declared.values() if name in m.depends and m.name in present]
                    if needing:
                        raise MigrationInvalid(
                            f"migration {name}: {', '.join(needing)} depends on it; undo that first"
                        )
                    if name not in present:
                        return False
                    (file,) = read_files(str(directory)).filter(lambda one: one.id == name)
                    self._undo(session, file, declared[name])
                    return True
        return False

    def _undo(self, session: MigrationSession, file: Any, migration: Migration) -> None:
        if migration.transactional:
            session.wait_for_vacuum(migration)
            session.stay_out_of_the_way()
        else:
            session.take_time()
            file.process_steps(session.backend, "rollback")
        with session.backend.transaction():
            if migration.transactional:
                file.process_steps(session.backend, "rollback")
            session.backend.unmark_one(file, log=False)
            session.forget(migration)
        session.backend.log_migration(file, "rollback")

    @property
    def _postgres(self) -> PostgresHook:
        if self.answer_seconds is None:
            return PostgresHook(postgres_conn_id=self.postgres_conn_id)
        return answering_within(self.postgres_conn_id, self.answer_seconds)

    def _apply_one(
        self,
        directory: Path,
        declared: dict[str, Migration],
        wanted: set[str],
        pace: Pace,
        identity: DatabaseIdentity,
        report: Callable[[BackfillProgress], None] | None,
        require: Callable[[], None] | None,
    ) -> str | None:
        """Apply the first one that is missing and return its name, None when none is."""
        at = ["connecting"]
        with self._as_migration_failed(pace, at):
            for attempt in self._tries(pace, at):
                with attempt, migration_session(self._postgres, pace, identity) as session:
                    at[0] = "reading what is applied"
                    _adopt(session, declared)
                    missing = session.backend.to_apply(read_files(str(directory)))
                    todo = next((file for file in missing if file.id in wanted), None)
                    if todo is None:
                        return None
                    if require is not None:
                        require()
                    at[0] = f"migration {todo.id}"
                    self._apply(session, todo, declared[todo.id], report)
                    return str(todo.id)
        return None

    def _tries(self, pace: Pace, at: list[str]) -> Retrying:
        """Try again after a random wait when the server or a lock was not to be had."""
        return Retrying(
            retry=retry_if_exception_type((OperationalError, InterfaceError, TransactionTimeout)),
            stop=stop_after_attempt(pace.attempts),
            wait=wait_random_exponential(multiplier=pace.retry_wait_seconds, max=8 * pace.retry_wait_seconds),
            before_sleep=lambda state: self.log.warning(
                "%s: try %d failed: %s; trying again",
                at[0],
                state.attempt_number,
                _in_one_line(_error_of(state)),
            ),
            reraise=True,
        )

    @contextmanager
    def _as_migration_failed(self, pace: Pace, at: list[str]) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise MigrationFailed(
                f"connection {self.postgres_conn_id}: {at[0]} failed, tried at most {pace.attempts} times: "
                f"{_in_one_line(error)}"
            ) from error

    def _apply(
        self,
        session: MigrationSession,
        file: Any,
        migration: Migration,
        report: Callable[[BackfillProgress], None] | None,
    ) -> None:
        backend = session.backend
        if migration.kind == "backfill":
            session.stay_out_of_the_way(batches=True)

            def tell(progress: BackfillProgress) -> None:
                self.log.info("%s", progress)
                if report is not None:
                    report(progress)

            Backfill(session, migration, tell).run()
        elif not migration.transactional:
            self._apply_alone(session, file, migration)
        else:
            session.wait_for_vacuum(migration)
            session.stay_out_of_the_way()
        with backend.transaction():
            if migration.kind == "backfill":
                session.connection.execute(
                    statement("postgres/schema/backfill_done"), {"name": migration.name}
                )
            elif migration.transactional:
                file.process_steps(backend, "apply")
            backend.mark_one(file, log=False)
            session.record(migration)
        # Only now: it looks up this machine's name, which can take its time, and would do so under the locks.
        backend.log_migration(file, "apply")

    def _apply_alone(self, session: MigrationSession, file: Any, migration: Migration) -> None:
        """Run a statement that allows no transaction, after clearing away what a killed one left."""
        session.take_time()
        self._drop_invalid_indexes(session, migration)
        try:
            file.process_steps(session.backend, "apply")
        except QueryCanceled as error:
            raise MigrationFailed(
                f"connection {self.postgres_conn_id}: migration {migration.name} took over "
                f"{session.pace.statement_timeout_seconds:g} s: {_in_one_line(error)}; its "
                "incomplete index is dropped when it runs again"
            ) from error

    def _drop_invalid_indexes(self, session: MigrationSession, migration: Migration) -> None:
        # An index built half-way is there by name: IF NOT EXISTS would take it for done.
        for (name,) in session.connection.execute(statement("postgres/schema/invalid_indexes")).fetchall():
            if re.search(rf"\b{re.escape(name)}\b", migration.sql):
                self.log.warning("Index %s is incomplete (its build broke off): dropping it", name)
                session.connection.execute(statement("postgres/schema/drop_index", {"index": name}))


def _adopt(session: MigrationSession, declared: dict[str, Migration]) -> None:
    """Compare what is applied with the files, and record what was applied by other means."""
    applied = read_applied(session.connection)
    require_unchanged(list(declared.values()), applied)
    for was in applied:
        if was.checksum is None and was.name in declared:
            session.record(declared[was.name])


def _error_of(state: Any) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _in_one_line(error: BaseException | None) -> str:
    return " ".join(str(error).split())
