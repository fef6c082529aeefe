"""What a backup is compared by: small tables are counted, of big ones ranges of their keys."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from slipway.exceptions import SchemaUnexpected
from slipway.hooks.postgres.state import DatabaseStateHook, KeyRange
from slipway.policy.migrations import Sampling
from slipway.release.schema import require_same

from sandbox.databases import postgres
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.hooks.postgres.migrating import CONNECTION

pytestmark = pytest.mark.sandbox

SAMPLING = Sampling(counted_up_to_mib=1, ranges=20, range_rows=100)


@pytest.fixture
def big(empty_database: str) -> str:
    """Connection URI of a database with big tables and a small one."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE usage AS SELECT md5(n::text)::uuid AS id FROM generate_series(1, 50000) AS n"
        )
        connection.execute("CREATE TABLE numbers AS SELECT n AS id FROM generate_series(1, 50000) AS n")
        connection.execute(
            "CREATE TABLE people AS SELECT 'user-' || n AS id FROM generate_series(1, 50000) AS n"
        )
        connection.execute("CREATE TABLE small AS SELECT n AS id FROM generate_series(1, 10) AS n")
        for table in ("usage", "numbers", "people", "small"):
            connection.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (id)".encode())
        connection.execute("ANALYZE")
    return empty_database


@pytest.fixture
def restored(
    big: str, postgres_server: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[DatabaseStateHook, str]]:
    """What is restored from a backup of it, and its URI."""
    admin, names = postgres.uri(postgres_server, "slipway"), ("test_restored", big.rpartition("/")[2])
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*(sql.Identifier(name) for name in names))
        )
        uri = postgres.uri(postgres_server, names[0])
        monkeypatch.setenv("AIRFLOW_CONN_RESTORED", uri)
        yield DatabaseStateHook("restored"), uri
        connection.execute("DROP DATABASE test_restored WITH (FORCE)")


def test_big_tables_are_counted_in_ranges_from_their_first_key_to_their_last(big: str) -> None:
    hook = DatabaseStateHook(CONNECTION)
    ranges = hook.key_ranges(SAMPLING)
    assert {found.table for found in ranges} == {"usage", "numbers"}, "a person's name is no key to record"
    numbers = [found for found in ranges if found.table == "numbers"]
    assert len(numbers) == 21
    # The planner's first point is the lowest of a sample of the rows.
    assert int(numbers[0].start) < 100
    assert numbers[-1].end == "50000"
    counts = hook.row_counts(ranges)
    assert (counts["small"], counts["people"]) == (10, 50000)
    assert counts[str(numbers[1])] == 100
    assert "usage" not in counts


def test_what_was_restored_whole_passes_and_what_lacks_rows_is_named(
    big: str, restored: tuple[DatabaseStateHook, str]
) -> None:
    hook, (copy, uri) = DatabaseStateHook(CONNECTION), restored
    ranges = hook.key_ranges(SAMPLING)
    before = hook.row_counts(ranges)
    with psycopg.connect(big, autocommit=True) as connection:
        connection.execute("INSERT INTO usage SELECT gen_random_uuid() FROM generate_series(1, 500)")
    after = hook.row_counts(ranges)
    require_same(copy.row_counts(ranges), before, after, tolerance_percent=1)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("DELETE FROM usage WHERE id IN (SELECT id FROM usage TABLESAMPLE SYSTEM (10))")
    with pytest.raises(SchemaUnexpected, match=r"usage from id .* to .*: \d+ rows, expected \d+ to \d+"):
        require_same(copy.row_counts(ranges), before, after, tolerance_percent=1)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("DROP TABLE usage")
    with pytest.raises(SchemaUnexpected, match=r"usage from id .*: is missing"):
        require_same(copy.row_counts(ranges), before, after, tolerance_percent=1)


def test_a_range_says_what_it_is() -> None:
    assert str(KeyRange("usage", "id", "1", "9")) == "usage from id 1 to 9"
