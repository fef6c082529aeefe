"""Killed at any statement and run again, a series of migrations ends migrated and clean."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from slipway.hooks.database_state import DatabaseStateHook
from slipway.schema_expectations import Table

from sandbox.databases import postgres
from sandbox.settings import REPOSITORY, Settings
from tests.integration.slipway.hooks.migrating import write

pytestmark = pytest.mark.sandbox

KILLS = 20
MIGRATIONS = 5
CONSTRAINT = "ALTER TABLE numbers ADD CONSTRAINT doubled_set CHECK (doubled IS NOT NULL) NOT VALID;"
RANGE = """
 WHERE id > coalesce(nullif(current_setting('slipway.after', true), ''), '0')::int
   AND id <= coalesce(nullif(current_setting('slipway.upto', true), ''), '9999')::int;"""
CLEAN = Table(
    columns={"id": "integer not null", "doubled": "integer"},
    indexes={"numbers_pkey": "unique btree (id)", "numbers_doubled": "btree (doubled)"},
    constraints={
        "numbers_pkey": "PRIMARY KEY (id)",
        "doubled_set": "CHECK ((doubled IS NOT NULL))",
    },
)

Migrate = Callable[[str, int, str], str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One migration of every kind."""
    path = tmp_path_factory.mktemp("migrations")
    previous: dict[str, str] = {}
    for name, statement, header in (
        (
            "0001_add",
            "ALTER TABLE numbers ADD COLUMN doubled int;\n" + CONSTRAINT,
            {},
        ),
        (
            "0002_index",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS numbers_doubled ON numbers (doubled);",
            {"transactional": "false"},
        ),
        (
            "0003_fill",
            f"UPDATE numbers SET doubled = 2 * id {RANGE}",
            {"kind": "backfill", "table": "numbers", "key": "id"},
        ),
        ("0004_validate", "ALTER TABLE numbers VALIDATE CONSTRAINT doubled_set;", {"transactional": "false"}),
        (
            "0005_contract",
            "ALTER TABLE numbers DROP COLUMN old;",
            {"kind": "contract", "safe_since": "1.2.0", "runs_with": ">=1.2.0"},
        ),
    ):
        write(path, name, statement, **previous, **header)
        previous = {"depends": name}
    return path


@pytest.fixture(scope="module")
def run(folder: Path) -> Iterator[Migrate]:
    """Migrate a database in a process of its own, ended at a statement."""
    program = Path(__file__).with_name("killed_migration.py")
    process = subprocess.Popen(
        [sys.executable, str(program)],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{REPOSITORY / 'plugins'}",
            "AIRFLOW_HOME": str(folder.parent / "airflow"),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def migrate(uri: str, statement: int, moment: str) -> str:
        stdin.write(f"{uri} {folder} {statement} {moment}\n")
        stdin.flush()
        return stdout.readline().strip()

    yield migrate
    stdin.close()
    assert process.wait(30) == 0
    stdout.close()


@pytest.fixture(scope="module")
def fresh(database_server: Settings) -> Callable[[str], str]:
    """Make a database with a table of 200 rows and return its URI."""
    admin = postgres.uri(database_server, "slipway")

    def make(name: str) -> str:
        with psycopg.connect(admin, autocommit=True) as connection:
            identifier = sql.Identifier(name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
        uri = postgres.uri(database_server, name)
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("CREATE TABLE numbers (id int PRIMARY KEY, old int)")
            connection.execute("INSERT INTO numbers SELECT generate_series(1, 200)")
        return uri

    return make


@pytest.fixture(scope="module")
def whole(run: Migrate, fresh: Callable[[str], str]) -> int:
    """Return how many statements it takes when nothing ends it."""
    return int(run(fresh("killed"), 0, "never"))


# Spread over the whole run, so that every kind of migration is hit, and every kind of statement around it.
@pytest.mark.parametrize("number", range(KILLS))
def test_twenty_of_twenty_killed_migrations_end_migrated_and_clean_when_run_again(
    run: Migrate, fresh: Callable[[str], str], whole: int, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = 1 + number * (whole - 1) // (KILLS - 1)
    moment = "during" if number % 2 else "before"
    uri = fresh("killed")
    ended = run(uri, statement, moment)
    assert ended == "signal -9" or (moment == "during" and (ended == "signal -14" or ended.isdecimal()))
    again = run(uri, 0, "never")
    assert again.isdecimal(), again
    monkeypatch.setenv("AIRFLOW_CONN_KILLED", uri)
    assert DatabaseStateHook("killed").catalog() == {"numbers": CLEAN}
    with psycopg.connect(uri) as connection:
        left = connection.execute(
            "SELECT (SELECT count(*) FROM numbers WHERE doubled IS DISTINCT FROM 2 * id), "
            "(SELECT count(*) FROM yoyo_lock), (SELECT count(*) FROM slipway_migration), "
            "(SELECT count(*) FROM _yoyo_migration)"
        ).fetchone()
    assert left == (0, 0, MIGRATIONS, MIGRATIONS)
