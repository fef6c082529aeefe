"""The migration runner, on a client that keeps what it is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.kpi import migrations
from slipway.kpi.errors import MigrationConflict
from slipway.kpi.migrations import ClickHouseMigration


class Recorder:
    """Records statements, and the migrations that are recorded in the migration table."""

    def __init__(self, fail_at: str = "") -> None:
        self.statements: list[str] = []
        self.table: dict[str, str] = {}
        self.fail_at = fail_at

    def command(self, cmd: str, parameters: Mapping[str, Any] | None = None) -> None:
        if self.fail_at and self.fail_at in cmd:
            raise RuntimeError(self.fail_at)
        if parameters:
            self.table[parameters["name"]] = parameters["checksum"]
        elif "schema_migration" not in cmd:
            self.statements.append(cmd.strip())

    def query(self, query: str) -> Any:
        assert "schema_migration" in query
        return SimpleNamespace(result_rows=list(self.table.items()))


# What databases have on record: the checksums of the files before they were templates.
RECORDED = {
    "0001_usage_fact": "fc7359414b2c981b44fa5d9f781fae707e4f6ac852cb746f6f657ae585a74d33",
    "0002_rollups": "4b8e7b8b306c2868ae2a393a3ebf2728e2428e86bbdea927903fb8f7fe74d309",
    "0003_releases_prices_events": "5788ba208ec5e539fae46bd5779122f97e61cbbd5e7e865180e939a31681fc5d",
    "0020_target_review": "fc5e260cb0100844f6c11e06bea217edeef4176f250f487b1e5e63054f83fb12",
    "0021_usage_arrival": "12f62604ccc7bac03dd324d269c77524f159201e4b91a998c3021039c1cce1d0",
    "0022_customer_control": "9caf7f7f7ced59305b76cf8d791cc0de4095a72f52912fad35b3c7e3f3f9559c",
    "0023_trailer": "39063536ce8338f14ba66e9fa4ad46ae79514facdf921122c431cd8eda2f28c8",
    "0024_unknown_users": "2b930588dd4f8b9ffaa085e2655190827563bada024c93aea174641e99b7b438",
}
ONE = ClickHouseMigration(
    "0001_one", "CREATE TABLE IF NOT EXISTS a (n Int8) ENGINE = Memory;\n\n-- note; here\nSELECT 1;\n"
)
TWO = ClickHouseMigration("0002_two", "SELECT 2;\n")


def test_each_is_applied_once_in_order() -> None:
    client = Recorder()
    assert migrations.apply(client, [ONE]) == ["0001_one"]
    assert migrations.apply(client, [ONE, TWO]) == ["0002_two"]
    assert migrations.apply(client, [ONE, TWO]) == []
    assert client.statements == [
        "CREATE TABLE IF NOT EXISTS a (n Int8) ENGINE = Memory",
        "-- note; here\nSELECT 1",
        "SELECT 2",
    ]


def test_one_that_failed_is_run_again() -> None:
    client = Recorder(fail_at="SELECT 2")
    with pytest.raises(RuntimeError):
        migrations.apply(client, [ONE, TWO])
    assert list(client.table) == ["0001_one"]
    client.fail_at = ""
    assert migrations.apply(client, [ONE, TWO]) == ["0002_two"]


def test_an_applied_file_must_stay_as_it_was() -> None:
    client = Recorder()
    migrations.apply(client, [ONE, TWO])
    with pytest.raises(MigrationConflict, match=r"0001_one .* put the change into a new migration"):
        migrations.apply(client, [ClickHouseMigration("0001_one", "SELECT 3;"), TWO])
    with pytest.raises(MigrationConflict, match="is gone"):
        migrations.apply(client, [TWO])


def test_the_repository_has_numbered_migrations_that_can_be_repeated() -> None:
    loaded = migrations.load()
    numbers = [int(migration.name[:4]) for migration in loaded]
    assert numbers == sorted(set(numbers))
    for migration in loaded:
        for statement in migration.statements():
            assert re.search("IF NOT EXISTS|IF EXISTS|CREATE OR REPLACE", statement), migration.name


def test_what_a_database_has_on_record_is_still_accepted() -> None:
    client = Recorder()
    client.table = dict(RECORDED)
    newer = [migration.name for migration in migrations.load() if migration.name not in RECORDED]
    assert migrations.apply(client, migrations.load()) == newer


@pytest.fixture
def kept() -> ClickHouseMigration:
    """A table that keeps days, and a column for it."""
    return ClickHouseMigration(
        "0001_kept",
        "-- Kept.\nCREATE TABLE IF NOT EXISTS kept{{ on_cluster }}\n(\n    day Date\n)\n"
        "ENGINE = {{ engine('ReplacingMergeTree') }}\nORDER BY day;{{ all_shards('kept') }}\n\n"
        "{% call alter('kept') %}\n    ADD COLUMN IF NOT EXISTS n UInt64{% endcall %};\n",
    )


def test_on_a_cluster_a_table_is_replicated_everywhere_and_read_over_all_shards(
    kept: ClickHouseMigration,
) -> None:
    assert [text.strip() for text in kept.statements("netra")] == [
        (
            "-- Kept.\nCREATE TABLE IF NOT EXISTS kept ON CLUSTER 'netra'\n(\n    day Date\n)\n"
            "ENGINE = ReplicatedReplacingMergeTree\nORDER BY day"
        ),
        (
            "CREATE TABLE IF NOT EXISTS kept_all ON CLUSTER 'netra' AS kept "
            "ENGINE = Distributed('netra', currentDatabase(), 'kept')"
        ),
        "ALTER TABLE kept ON CLUSTER 'netra'\n    ADD COLUMN IF NOT EXISTS n UInt64",
        "ALTER TABLE kept_all ON CLUSTER 'netra'\n    ADD COLUMN IF NOT EXISTS n UInt64",
    ]


def test_on_one_server_it_is_as_it_reads_and_so_is_its_checksum(kept: ClickHouseMigration) -> None:
    text = (
        "-- Kept.\nCREATE TABLE IF NOT EXISTS kept\n(\n    day Date\n)\nENGINE = ReplacingMergeTree\n"
        "ORDER BY day;\n\nALTER TABLE kept\n    ADD COLUMN IF NOT EXISTS n UInt64;\n"
    )
    assert kept.checksum == ClickHouseMigration("any", text).checksum
    assert kept.statements() == ClickHouseMigration("any", text).statements()


def test_a_cluster_whose_name_is_not_plain_is_refused() -> None:
    with pytest.raises(ValueError, match='cluster="a\' b" of the ClickHouse connection is not a plain name'):
        migrations.apply(Recorder(), [ONE], cluster="a' b")


KEPT = {
    "usage_fact",
    "usage_user_day",
    "kpi_daily",
    "event_fact",
    "release_phase",
    "subscriber_day",
    "source_fingerprint",
    "target_review",
    "bad_revision",
}


@pytest.mark.parametrize("migration", migrations.load(), ids=lambda migration: migration.name)
def test_nothing_is_defined_on_one_server_of_a_cluster_alone(migration: ClickHouseMigration) -> None:
    tables = set()
    for text in migration.statements("netra"):
        head, everywhere, rest = text.partition(" ON CLUSTER 'netra'")
        assert everywhere, head
        assert " = MergeTree" not in rest
        tables.add(head.split()[-1])
    # A day that is kept is read over all shards.
    assert {f"{table}_all" for table in tables & KEPT} <= tables


def test_the_tables_that_keep_days_are_those_with_a_day_to_replace() -> None:
    texts = [text for migration in migrations.load() for text in migration.statements("netra")]
    keeping = {text.partition(" ON CLUSTER")[0].split()[-1] for text in texts if "PARTITION BY" in text}
    assert keeping == KEPT
