"""Sources as people keep them: rows hidden by row-level security, a read replica, negative costs."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from slipway.__main__ import main
from slipway.kpi.errors import QualityCheckFailed, SourceDrift

from sandbox.supervisor.settings import HOST, Settings
from tests.integration.slipway.kpi.rollup import Rollup
from tests.integration.slipway.kpi.test_quality import DAY, write_usage

# Great Expectations and what it imports raise these while being imported and used.
pytestmark = [pytest.mark.sandbox, pytest.mark.filterwarnings("default")]


@pytest.fixture
def reader(
    source: psycopg.Connection, rollup: Rollup, connected: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection]:
    """A superuser's connection to the source, which the rollup reads as a role that may only read."""
    source.execute("CREATE ROLE kpi_reader LOGIN PASSWORD 'reading'")
    source.execute("GRANT USAGE ON SCHEMA public TO kpi_reader")
    source.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO kpi_reader")
    uri = f"postgresql://kpi_reader:reading@{HOST}:{connected.postgres_port}/netra_production"
    try:
        with monkeypatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_NETRA_PRODUCTION_DB", uri)
            assert main(["define-collections"]) == 0
            yield source
    finally:
        assert main(["define-collections"]) == 0
        source.execute("DROP OWNED BY kpi_reader; DROP ROLE kpi_reader")


def test_a_table_whose_rows_are_hidden_from_the_rollup_is_refused_until_it_is_read_whole(
    reader: psycopg.Connection, rollup: Rollup
) -> None:
    write_usage(reader, 10)
    rollup.run(DAY, until="source.schema")
    reader.execute("ALTER TABLE token_usage_tracking ENABLE ROW LEVEL SECURITY")
    half = "FOR SELECT TO kpi_reader USING (tokens_used < 0)"
    reader.execute(f"CREATE POLICY half ON token_usage_tracking {half}".encode())
    with pytest.raises(SourceDrift, match=r"token_usage_tracking from kpi_reader: .*BYPASSRLS"):
        rollup.run(DAY, until="source.schema")
    reader.execute("CREATE POLICY whole ON token_usage_tracking FOR SELECT TO kpi_reader USING (true)")
    rollup.run(DAY, until="source.schema")
    reader.execute(
        "CREATE POLICY less ON token_usage_tracking AS RESTRICTIVE FOR ALL USING (tokens_used > 0)"
    )
    with pytest.raises(SourceDrift, match="hides rows of token_usage_tracking from kpi_reader"):
        rollup.run(DAY, until="source.schema")
    reader.execute("ALTER ROLE kpi_reader BYPASSRLS")
    rollup.run(DAY, until="source.schema")


def test_a_table_behind_the_view_of_events_is_refused_when_the_views_owner_does_not_read_it_whole(
    reader: psycopg.Connection, rollup: Rollup
) -> None:
    reader.execute("ALTER TABLE budget_alert ENABLE ROW LEVEL SECURITY")
    # The view's owner is the table's, and reads every row for whoever reads the view.
    rollup.run(DAY, until="source.schema")
    reader.execute("CREATE ROLE view_owner; GRANT ALL ON SCHEMA public TO view_owner")
    try:
        reader.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO view_owner")
        reader.execute("ALTER VIEW kpi_event OWNER TO view_owner")
        with pytest.raises(SourceDrift, match="hides rows of budget_alert from view_owner: "):
            rollup.run(DAY, until="source.schema")
    finally:
        reader.execute("REASSIGN OWNED BY view_owner TO CURRENT_USER")
        reader.execute("DROP OWNED BY view_owner; DROP ROLE view_owner")


def test_a_read_replica_is_a_source_as_good_as_its_primary(
    source: psycopg.Connection, rollup: Rollup
) -> None:
    write_usage(source, 20)
    # As on a replica: no transaction of a new session writes, so none makes a temporary table.
    source.execute("ALTER DATABASE netra_production SET default_transaction_read_only = on")
    try:
        assert rollup.run(DAY)["publish"]["rows"] == 20
    finally:
        source.execute("ALTER DATABASE netra_production RESET default_transaction_read_only")


def test_a_negative_cost_is_named_and_publishes_nothing(source: psycopg.Connection, rollup: Rollup) -> None:
    row = write_usage(source, 20)[0]
    source.execute("UPDATE token_usage_tracking SET cost_usd = -0.01 WHERE id = %s", (row.id,))
    with pytest.raises(QualityCheckFailed, match=r"lowest_cost_usd, min_value=0.0\): found -0.01"):
        rollup.run(DAY)
    assert rollup.query("SELECT count() FROM kpi.kpi_daily") == [(0,)]
