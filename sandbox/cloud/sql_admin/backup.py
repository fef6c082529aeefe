"""Backing up and restoring one database with PostgreSQL's own programs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psycopg
from psycopg import sql

from sandbox.databases import postgres
from sandbox.databases.postgres import SUPERUSER, client_program
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings

TIMEOUT_SECONDS = 600.0

# A restore gives back the whole instance as it was: what was created after the backup must go too, which
# `pg_restore --clean` alone leaves in place. Sessions are ended as on a real instance, which restarts.
_EMPTY_THE_DATABASE = """
SET lock_timeout = '30s';
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    CREATE SCHEMA public;
END $$;
"""


class BackupError(RuntimeError):
    """A program of PostgreSQL failed; the message carries what it said."""


async def create(settings: Settings, database: str) -> None:
    """Create an empty database, unless there is one.

    :param settings: where the sandbox lives, and its ports.
    :param database: name of the database.
    :raises BackupError: when the server refuses.
    """

    def make() -> None:
        with psycopg.connect(postgres.uri(settings, "postgres"), autocommit=True) as connection:
            there = connection.execute("SELECT FROM pg_database WHERE datname = %s", (database,)).fetchone()
            if there is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))

    try:
        await asyncio.to_thread(make)
    except psycopg.Error as error:
        raise BackupError(f"cannot create database {database}: {error}") from error


async def back_up(settings: Settings, database: str, path: Path) -> None:
    """Write the database to a file in ``pg_dump``'s custom format; the file is complete or absent.

    :param settings: where the sandbox lives, and its ports.
    :param database: name of the database.
    :param path: the file.
    :raises BackupError: when the dump fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".draft")
    try:
        await _run(settings, database, "pg_dump", "--format=custom", f"--file={draft}")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


async def export(settings: Settings, database: str, path: Path) -> bytes:
    """Return the database as SQL statements.

    :param settings: where the sandbox lives, and its ports.
    :param database: name of the database.
    :param path: the file that it is written to on the way.
    :raises BackupError: when the dump fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    await _run(settings, database, "pg_dump", "--format=plain", f"--file={path}")
    return await asyncio.to_thread(path.read_bytes)


async def restore(settings: Settings, database: str, path: Path) -> None:
    """Make the database what it was when the file was written, in one transaction.

    :param settings: where the sandbox lives, and its ports.
    :param database: name of the database.
    :param path: the file.
    :raises BackupError: when the restore fails; the database is then unchanged.
    """
    script = path.with_suffix(".sql")
    try:
        await _run(settings, None, "pg_restore", "--clean", "--if-exists", f"--file={script}", str(path))
        script.write_text(_EMPTY_THE_DATABASE + script.read_text())
        await _run(
            settings,
            database,
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--single-transaction",
            "--set=ON_ERROR_STOP=1",
            f"--file={script}",
        )
    finally:
        script.unlink(missing_ok=True)


async def _run(settings: Settings, database: str | None, name: str, *arguments: str) -> None:
    where = {
        "PGHOST": HOST,
        "PGPORT": str(settings.postgres_port),
        "PGUSER": SUPERUSER,
        "PGPASSWORD": credentials.load(settings).postgres_password,
    }
    if database is not None:
        where["PGDATABASE"] = database
    process = await asyncio.create_subprocess_exec(
        str(client_program(name)),
        *arguments,
        env={**os.environ, "SLIPWAY_HOME": str(settings.home), **where},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    except BaseException as error:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if isinstance(error, TimeoutError):
            raise BackupError(f"{name} took over {TIMEOUT_SECONDS:.0f} s") from error
        raise
    if process.returncode:
        raise BackupError(f"{name} failed: {output.decode(errors='replace').strip()[-2000:]}")
