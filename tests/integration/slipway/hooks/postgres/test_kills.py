"""Killed at any statement and run again, a series of migrations ends migrated and clean."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from slipway.hooks.postgres.state import DatabaseStateHook
from slipway.schema.catalog import Table

from sandbox.databases import postgres
from sandbox.supervisor.settings import REPOSITORY, Settings
from tests.integration.slipway.hooks.postgres.migrating import write

pytestmark = pytest.mark.sandbox

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
CLEAN_END = ({"numbers": CLEAN}, (0, 0, MIGRATIONS, MIGRATIONS))

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
def fresh(postgres_server: Settings) -> Callable[[], str]:
    """Make a database with a table of 200 rows and return its URI."""
    admin, uri = postgres.uri(postgres_server, "slipway"), postgres.uri(postgres_server, "killed")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("CREATE DATABASE killed")

    def make() -> str:
        # Quicker than another database.
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            connection.execute("CREATE TABLE numbers (id int PRIMARY KEY, old int)")
            connection.execute("INSERT INTO numbers SELECT generate_series(1, 200)")
        return uri

    return make


@pytest.fixture(scope="module")
def whole(run: Migrate, fresh: Callable[[], str]) -> int:
    """Return how many statements it takes when nothing ends it."""
    return int(run(fresh(), 0, "never"))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("share", [0.1, pytest.param(1.0, marks=pytest.mark.exhaustive)])
def test_killed_at_a_statement_boundary_and_run_again_it_ends_migrated_and_clean(
    run: Migrate, fresh: Callable[[], str], whole: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert whole > 100, "the statements of five migrations with their records"
    # Between two statements, and at every eighth one also while the server works on it.
    boundaries = [(statement, "before") for statement in range(1, whole + 1)]
    boundaries += [(statement, "during") for statement in range(8, whole + 1, 8)]
    sample = random.Random(6).sample(boundaries, round(share * len(boundaries)))
    wrong = {}
    for statement, moment in sample:
        found = _killed_and_run_again(run, fresh(), statement, moment, monkeypatch)
        if found != CLEAN_END:
            wrong[statement, moment] = found
    print(f"{len(sample) - len(wrong)} of {len(sample)} statement boundaries end migrated and clean")
    assert wrong == {}


def _killed_and_run_again(
    run: Migrate, uri: str, statement: int, moment: str, monkeypatch: pytest.MonkeyPatch
) -> object:
    """Return how it ended; what is not as it should be comes back as it is."""
    ended = run(uri, statement, moment)
    if ended != "signal -9" and (moment == "before" or not (ended == "signal -14" or ended.isdecimal())):
        return f"was not killed: {ended}"
    again = run(uri, 0, "never")
    if not again.isdecimal():
        return again
    monkeypatch.setenv("AIRFLOW_CONN_KILLED", uri)
    with psycopg.connect(uri) as connection:
        left = connection.execute(
            "SELECT (SELECT count(*) FROM numbers WHERE doubled IS DISTINCT FROM 2 * id), "
            "(SELECT count(*) FROM yoyo_lock), (SELECT count(*) FROM slipway_migration), "
            "(SELECT count(*) FROM _yoyo_migration)"
        ).fetchone()
    return DatabaseStateHook("killed").catalog(), left
