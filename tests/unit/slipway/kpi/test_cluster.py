"""What a statement becomes on a cluster."""

from __future__ import annotations

import pytest
from slipway.kpi import migrations
from slipway.kpi.cluster import Cluster

DAYS = """-- Kept.
CREATE TABLE IF NOT EXISTS kept
(
    day Date
)
ENGINE = MergeTree
PARTITION BY day
ORDER BY day"""
SHAPE = "CREATE TABLE IF NOT EXISTS shape\n(\n    id UUID\n)\nENGINE = MergeTree\nORDER BY id"


@pytest.fixture
def cluster() -> Cluster:
    return Cluster.of("netra", [DAYS, SHAPE])


def test_a_table_is_replicated_everywhere_and_read_over_all_shards(cluster: Cluster) -> None:
    own, readers = cluster.statements(DAYS)
    assert own == (
        "CREATE TABLE IF NOT EXISTS kept ON CLUSTER 'netra'\n(\n    day Date\n)\n"
        "ENGINE = ReplicatedMergeTree\nPARTITION BY day\nORDER BY day"
    )
    assert readers == (
        "CREATE TABLE IF NOT EXISTS kept_all ON CLUSTER 'netra' AS kept "
        "ENGINE = Distributed('netra', currentDatabase(), 'kept')"
    )


def test_a_shape_that_keeps_nothing_has_no_readers(cluster: Cluster) -> None:
    (only,) = cluster.statements(SHAPE)
    assert "ENGINE = ReplicatedMergeTree" in only


def test_a_new_column_is_there_for_readers_too(cluster: Cluster) -> None:
    assert cluster.statements("ALTER TABLE kept\n    ADD COLUMN IF NOT EXISTS n UInt64") == [
        "ALTER TABLE kept ON CLUSTER 'netra'\n    ADD COLUMN IF NOT EXISTS n UInt64",
        "ALTER TABLE kept_all ON CLUSTER 'netra'\n    ADD COLUMN IF NOT EXISTS n UInt64",
    ]


def test_a_view_is_on_every_server(cluster: Cluster) -> None:
    assert cluster.statements("CREATE OR REPLACE VIEW kpi AS SELECT 1") == [
        "CREATE OR REPLACE VIEW kpi ON CLUSTER 'netra' AS SELECT 1"
    ]


def test_other_merge_trees_are_replicated_as_what_they_are(cluster: Cluster) -> None:
    (made,) = cluster.statements("CREATE TABLE t (n UInt8) ENGINE = ReplacingMergeTree(n) ORDER BY n")
    assert "ENGINE = ReplicatedReplacingMergeTree(n)" in made


def test_what_is_not_known_is_not_run_on_one_server_alone(cluster: Cluster) -> None:
    with pytest.raises(ValueError, match="not a definition that a cluster can take: INSERT"):
        cluster.statements("INSERT INTO kept VALUES (1)")
    with pytest.raises(ValueError, match="is not a plain name"):
        Cluster.of("a' b", [])


def test_the_tables_of_the_migrations_that_keep_days_are_found() -> None:
    texts = [text for migration in migrations.load() for text in migration.statements]
    found = Cluster.of("netra", texts).published
    assert {"usage_fact", "usage_user_day", "kpi_daily", "target_review"} <= found
    assert not found & {"usage_arrival", "person_extract", "usage_totals"}
