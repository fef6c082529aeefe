"""A product database, a ClickHouse, and the rollup DAG's own operators between them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from slipway.ledger.ledger import Ledger

from sandbox.databases import postgres
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.kpi.databases import (
    connections,
    empty_ledger,
    empty_source,
    empty_warehouse,
)
from tests.integration.slipway.kpi.rollup import Rollup


@pytest.fixture(scope="module")
def connected(
    postgres_server: Settings, clickhouse_server: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """Both servers, named by Airflow connections."""
    with connections(postgres_server, tmp_path_factory.mktemp("data_docs")):
        yield postgres_server


@pytest.fixture(scope="module")
def product(connected: Settings) -> Iterator[psycopg.Connection]:
    """A connection to the product's database, as it is."""
    with psycopg.connect(postgres.uri(connected, "netra_production"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def blank_source(product: psycopg.Connection) -> psycopg.Connection:
    """The product's database after a release's migrations, without a row."""
    empty_source(product)
    return product


@pytest.fixture
def source(blank_source: psycopg.Connection) -> psycopg.Connection:
    """The product's database after a release's migrations, with prices that always held, and 400 users."""
    blank_source.execute(
        "INSERT INTO users (id, plan, monthly_budget_usd) "
        "SELECT md5(n::text)::uuid, (ARRAY['free', 'pro', 'enterprise'])[1 + n % 3], 100 "
        "FROM generate_series(1, 400) AS n"
    )
    blank_source.execute(
        "INSERT INTO token_price (model, effective_from, usd_per_token) "
        "VALUES ('gpt-4', '2020-01-01', 0.00003), ('gpt-3.5-turbo', '2020-01-01', 0.0000015)"
    )
    return blank_source


@pytest.fixture
def ledger(connected: Settings) -> Ledger:
    """The ledger, without a release."""
    empty_ledger(connected)
    return Ledger()


@pytest.fixture
def rollup(connected: Settings, ledger: Ledger) -> Iterator[Rollup]:
    """The DAG's operators over both servers; ClickHouse's database is made anew."""
    made = Rollup(connected)
    empty_warehouse(made)
    yield made
    made.close()
