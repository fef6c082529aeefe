"""Two products in one ClickHouse: neither's days, releases or targets touch the other's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from slipway.kpi import migrations, policy
from slipway.ledger.entries import IncidentReported
from slipway.ledger.ledger import Ledger

from sandbox.databases import postgres
from sandbox.supervisor.settings import REPOSITORY, Settings
from tests.integration.slipway.kpi.databases import empty_source, empty_warehouse
from tests.integration.slipway.kpi.rollup import PRODUCT, Rollup
from tests.integration.slipway.kpi.test_target_review import promote
from tests.servers import open_clickhouse

pytestmark = pytest.mark.sandbox
DAY, OTHER = date(2026, 3, 31), "exchange-rates"
TEXT = DAY.isoformat()
WITHOUT_QUALITY = ("source.quality", "check.quality")
TABLES = ("usage_fact", "usage_user_day", "subscriber_day", "source_fingerprint", "kpi_daily", "kpi")


def fill_prices(source: psycopg.Connection) -> None:
    """Write prices that always held."""
    source.execute(
        "INSERT INTO token_price (model, effective_from, usd_per_token) "
        "VALUES ('gpt-4', '2020-01-01', 0.00003), ('gpt-3.5-turbo', '2020-01-01', 0.0000015)"
    )


def write_requests(source: psycopg.Connection, requests: int) -> None:
    """Write a user who pays 20 USD a month, and requests of 0.01 USD each on the day."""
    source.execute(
        "INSERT INTO users (id, plan, monthly_budget_usd) VALUES (md5('1')::uuid, 'pro', 100) "
        "ON CONFLICT DO NOTHING"
    )
    source.execute(
        "INSERT INTO subscription_event (id, user_id, plan, kind, mrr_usd, occurred_at) "
        "VALUES (md5('2')::uuid, md5('1')::uuid, 'pro', 'started', 20, '2026-03-01') ON CONFLICT DO NOTHING"
    )
    source.execute(
        "INSERT INTO token_usage_tracking (id, user_id, session_key, tokens_used, cost_usd, created_at) "
        "SELECT gen_random_uuid(), md5('1')::uuid, 's', 10, 0.01, timestamp '2026-03-31 12:00' "
        "FROM generate_series(1, %s)",
        (requests,),
    )


@pytest.fixture
def other_source(connected: Settings, product: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The database of another product, beside the first one's."""
    product.execute("DROP DATABASE IF EXISTS rates_production")
    product.execute("CREATE DATABASE rates_production")
    with psycopg.connect(postgres.uri(connected, "rates_production"), autocommit=True) as connection:
        empty_source(connection)
        yield connection
    product.execute("DROP DATABASE rates_production WITH (FORCE)")


@pytest.fixture
def other(
    rollup: Rollup,
    other_source: psycopg.Connection,
    connected: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Rollup]:
    """The rollup of another product, which has no targets."""
    path = tmp_path / "rollup.yaml"
    named = f"  {OTHER}: {{connection: rates_production_db, collection: rates_source, targets: null}}\n"
    path.write_text(policy.ROLLUP_POLICY.read_text() + named)
    monkeypatch.setattr(policy, "ROLLUP_POLICY", path)
    monkeypatch.setenv("AIRFLOW_CONN_RATES_PRODUCTION_DB", postgres.uri(connected, "rates_production"))
    from slipway.__main__ import main

    assert main(["define-collections"]) == 0
    made = Rollup(connected, OTHER)
    yield made
    made.close()
    empty_warehouse(rollup)
    rollup.command("DROP NAMED COLLECTION rates_source")


def test_a_day_of_one_product_leaves_the_same_day_of_another_as_it_is(
    blank_source: psycopg.Connection,
    other_source: psycopg.Connection,
    rollup: Rollup,
    other: Rollup,
    ledger: Ledger,
) -> None:
    window = (datetime.now(UTC).date() - DAY).days + 1
    write_requests(blank_source, 3)
    write_requests(other_source, 5)
    # Both have a run of the same id at the same time: each drops its own staging tables alone.
    staged = other.run(TEXT, until="rollup.kpis", skip=WITHOUT_QUALITY)["rollup.kpis"]
    rollup.run(TEXT, skip=WITHOUT_QUALITY)
    assert set(staged.values()) <= set(rollup.staging_tables())
    first = rollup.published(TEXT)
    other.run(TEXT, skip=(*WITHOUT_QUALITY, "review_targets"))
    assert rollup.published(TEXT) == first
    for day in (rollup, other):
        day.run(TEXT, skip=(*WITHOUT_QUALITY, "review_targets"), attempt=2)
    assert rollup.published(TEXT) == first
    assert [day.values(DAY)["requests", "all"] for day in (rollup, other)] == [3, 5]
    assert (rollup.differing_days(window), other.differing_days(window)) == ({}, {})
    for table in TABLES:
        products = rollup.query(f"SELECT DISTINCT product FROM kpi.{table} ORDER BY product")
        assert products == [(OTHER,), (PRODUCT,)], table
    # The KPIs over several days look at one product's days alone, although both have the same users.
    over_days = "kpi NOT IN (SELECT kpi FROM kpi.kpi_daily)"
    arr = f"SELECT product, denominator FROM kpi.kpi WHERE kpi = 'influenced_arr_usd' AND as_of = '{TEXT}'"
    assert sorted(rollup.query(arr)) == [(OTHER, 240), (PRODUCT, 240)]
    counted = f"SELECT product, kpi, count() FROM kpi.kpi WHERE {over_days} AND dim = 'all' GROUP BY ALL"
    assert {row[2] for row in rollup.query(counted)} == {1}
    read_beside = """
        SELECT k.product, as_of, groupArray(bad.version) AS bad_versions
        FROM kpi.kpi AS k LEFT JOIN kpi.bad_revision AS bad ON bad.product = k.product AND bad.day = k.as_of
        WHERE k.product = 'exchange-rates' AND kpi = 'requests' AND dim = 'all'
        GROUP BY ALL ORDER BY as_of
    """
    assert rollup.query(read_beside) == [(OTHER, DAY, [""])]
    # A row that came late to one product's day makes no other product's day differ.
    write_usage = (
        "INSERT INTO token_usage_tracking (id, user_id, session_key, tokens_used, cost_usd, created_at) "
    )
    other_source.execute(
        write_usage + "VALUES (gen_random_uuid(), md5('1')::uuid, 's', 1, 0.01, '2026-03-31 13:00')"
    )
    assert (rollup.differing_days(window), list(other.differing_days(window))) == ({}, [DAY])


def test_the_dag_of_a_further_product_runs_as_airflow_runs_it(
    other_source: psycopg.Connection, other: Rollup, tmp_path: Path
) -> None:
    fill_prices(other_source)
    write_requests(other_source, 5)
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "kpi_rollup.py").write_text(
        "from pathlib import Path\n"
        "from airflow.sdk import DAG\n"
        "from slipway.kpi import policy\n"
        f"policy.ROLLUP_POLICY = Path({str(policy.ROLLUP_POLICY)!r})\n"
        f"exec(Path({str(REPOSITORY / 'dags' / 'kpi_rollup.py')!r}).read_text())\n"
    )
    airflow = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "PYTHONPATH": f"{REPOSITORY / 'plugins'}:{REPOSITORY}",
    }
    words = [sys.executable, "-m", "tests.integration.slipway.kpi.dag_run", f"kpi_rollup_{OTHER}", TEXT]
    done = subprocess.run(words, env=os.environ | airflow, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "review_targets skipped" in done.stdout.splitlines()
    assert other.values(DAY)["requests", "all"] == 5
    assert other.staging_tables() == []


def test_releases_and_bad_revisions_are_those_of_the_product(
    source: psycopg.Connection, rollup: Rollup, other: Rollup, ledger: Ledger, connected: Settings
) -> None:
    window = (datetime.now(UTC).date() - DAY).days + 1
    began = datetime(2026, 3, 31, 12, tzinfo=UTC)
    release = promote(ledger, connected, DAY)
    ledger.append(
        release,
        IncidentReported(
            reason="5 % errors",
            revisions={"netra-backend-prod": "new"},
            most_percent={"netra-backend-prod": 10},
            began_at=began,
            ended_at=began + timedelta(hours=2),
            users=12,
        ),
    )
    for day in (rollup, other):
        day.run(TEXT, skip=(*WITHOUT_QUALITY, "review_targets"))
    assert rollup.query("SELECT DISTINCT product FROM kpi.bad_revision") == [(PRODUCT,)]
    assert (rollup.differing_days(window), other.differing_days(window)) == ({}, {})


def test_targets_are_dated_from_the_products_own_first_promotion(ledger: Ledger, connected: Settings) -> None:
    of_other = promote(ledger, connected, DAY - timedelta(days=20), "0.9.0", name=OTHER)
    own = promote(ledger, connected, DAY)
    launch = ledger.launch(PRODUCT, None)
    assert launch is not None
    assert launch.release_id == own
    other_launch = ledger.launch(OTHER, None)
    assert other_launch is not None
    assert other_launch.release_id == of_other
    assert ledger.launch("nobody", None) is None


def test_a_product_without_targets_says_so_and_is_not_failed(other: Rollup) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    with pytest.raises(AirflowSkipException, match="exchange-rates has no business targets"):
        other.run(TEXT, skip=WITHOUT_QUALITY)


def test_days_from_before_there_were_products_belong_to_the_first(
    rollup: Rollup, source: psycopg.Connection, connected: Settings
) -> None:
    with closing(open_clickhouse(connected)) as client:
        migrations.apply(client, [one for one in migrations.load() if one.name < "0026"])
    rollup.command(
        "INSERT INTO kpi.usage_user_day (day, user_id, plan, requests) "
        "SELECT toDate('2025-01-01') + number, generateUUIDv4(), 'pro', 1 FROM numbers(300) "
        "SETTINGS max_partitions_per_insert_block = 0"
    )
    rollup.command(
        "INSERT INTO kpi.kpi_daily (as_of, kpi, dim, value) VALUES ('2025-01-01', 'requests', 'all', 1)"
    )
    rollup.run(TEXT, until="migrate")
    counted = (
        "SELECT product, count(), uniqExact(day), sum(requests) FROM kpi.usage_user_day GROUP BY product"
    )
    assert rollup.query(counted) == [(PRODUCT, 300, 300, 300)]
    assert rollup.query("SELECT product, value FROM kpi.kpi_daily") == [(PRODUCT, 1)]
    # A migration that was cut short before it was recorded is run again.
    rollup.command(
        "ALTER TABLE kpi.schema_migration DELETE WHERE name = '0026_product' SETTINGS mutations_sync = 2"
    )
    assert rollup.run(TEXT, until="migrate")["migrate"] == ["0026_product"]
    assert rollup.query(counted) == [(PRODUCT, 300, 300, 300)]
