"""The database's part of a release: checked, backed up, rehearsed on the restored backup, migrated."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowSkipException
from slipway.exceptions import DatabaseNotReady, SchemaContractBroken, SchemaUnexpected, WrongDatabase
from slipway.ledger.entries import DatabaseBackedUp, MigrationsRehearsed, SchemaMigrated
from slipway.ledger.ledger import Release
from slipway.operators.backup import BackUpDatabaseOperator, RehearseMigrationsOperator
from slipway.operators.database import (
    CheckDatabaseOperator,
    CheckSchemaOperator,
    MigrateSchemaOperator,
)
from slipway.policy.release import load_policy
from slipway.release.schema import migrations_directory
from slipway.schema.contract import read_migrations

from sandbox.databases import postgres
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.operators.conftest import Product
from tests.integration.slipway.operators.deferrals import run_to_end

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("postgres_server")]

ALL = [migration.name for migration in read_migrations(migrations_directory(load_policy("release.yaml")))]
INSTANCE, DATABASE = "netra-staging-db", "netra_staging"


@pytest.fixture
def uri(postgres_server: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """Connection URI of the product's database as it was before the first release."""
    found = postgres.uri(postgres_server, DATABASE)
    monkeypatch.setenv("AIRFLOW_CONN_NETRA_PRODUCTION_DB", found)
    monkeypatch.setenv("AIRFLOW_CONN_NETRA_REHEARSAL_DB", postgres.uri(postgres_server, "netra_rehearsal"))
    with psycopg.connect(found, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE users (id int)")
        connection.execute("INSERT INTO users SELECT generate_series(1, 100)")
    return found


@pytest.fixture
def release(product: Product, uri: str) -> Release:
    """The release on record; the instance that stands for production is one of this project."""
    policy = load_policy("release.yaml").model_dump(mode="json")
    environments = policy["environments"]
    for name, environment in environments.items():
        environment |= {"project_id": product.web.address.project_id, "secret_prefix": product.prefix}
        environment["database"] = {"instance": INSTANCE, "connection": f"netra_{name}_db"}
    return product.open(environments=environments, name="database-test")


def check_schema(product: Product, release: Release) -> dict[str, Any]:
    plan, policy = release.plan.model_dump(mode="json"), release.policy.model_dump(mode="json")
    operator = CheckSchemaOperator(task_id="check_schema", validated={"plan": plan, "policy": policy})
    with closing(operator.cloud_run):
        return operator.check(product.context)


def run(product: Product, operator: type) -> Any:
    task = operator(task_id="task", environment="production")
    with closing(task.cloud_run):
        return run_to_end(task, product.context)


def test_production_is_migrated_after_its_backup_was_restored_and_migrated(
    product: Product, release: Release, uri: str
) -> None:
    assert check_schema(product, release) == {"due": ALL, "held": {}}
    checked = run(product, CheckDatabaseOperator)
    assert checked["due"] == ALL
    assert checked["disk_bytes"] - checked["used_bytes"] > checked["required_bytes"] > 0
    run(product, BackUpDatabaseOperator)
    assert run(product, RehearseMigrationsOperator) == ALL
    with psycopg.connect(uri) as connection:
        assert connection.execute("SELECT to_regclass('token_usage_tracking')").fetchone() == (None,)
    assert run(product, MigrateSchemaOperator) == ALL
    with pytest.raises(AirflowSkipException, match="no migration is due in production"):
        run(product, MigrateSchemaOperator)
    rehearsed = product.ledger.get(release.release_id, MigrationsRehearsed, environment="production")
    assert rehearsed is not None
    assert rehearsed.rows == {"users": 100}
    migrated = product.ledger.get(release.release_id, SchemaMigrated, environment="production")
    assert migrated is not None
    assert migrated.present == dict.fromkeys(ALL, ">=1.0.0")
    assert check_schema(product, release) == {"due": [], "held": {}}
    # As somebody would leave it who takes something away by hand.
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("DROP INDEX idx_token_usage_created_at")
        connection.execute("UPDATE slipway_migration SET runs_with = '>=2.0.0' WHERE name = %s", (ALL[1],))
    with pytest.raises(
        SchemaContractBroken, match=rf"stable backend 1\.0\.0: cannot run .*\({ALL[1]} runs with >=2"
    ):
        check_schema(product, release)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("UPDATE slipway_migration SET runs_with = '>=1.0.0'")
    missing = r"idx_token_usage_created_at: is missing, the rehearsal has 'btree \(created_at\)'"
    with pytest.raises(SchemaUnexpected, match=missing):
        run(product, MigrateSchemaOperator)


def test_a_backup_that_is_not_what_was_backed_up_stops_the_release(
    product: Product, release: Release, uri: str
) -> None:
    with pytest.raises(DatabaseNotReady, match="no backup is on record"):
        run(product, RehearseMigrationsOperator)
    backup = run(product, BackUpDatabaseOperator)
    taken = product.ledger.get(release.release_id, DatabaseBackedUp, environment="production")
    assert taken is not None
    assert (taken.backup, taken.rows_before, taken.rows_after) == (
        backup,
        {"users": 100},
        {"users": 100},
    )
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("INSERT INTO users SELECT generate_series(101, 300)")
    (copy,) = taken.copies
    assert copy.uri.startswith(f"gs://netra-production-backups/releases/{release.release_id}/{backup}/")
    assert copy.read_back
    assert copy.kept_until > datetime.now(UTC)
    # The same release finds its backup again; the rows around it are those on record.
    assert run(product, BackUpDatabaseOperator) == backup
    assert run(product, RehearseMigrationsOperator) == ALL


def test_production_is_not_migrated_without_a_rehearsal_to_compare_it_with(
    product: Product, release: Release, uri: str
) -> None:
    with pytest.raises(DatabaseNotReady, match="no rehearsal is on record"):
        run(product, MigrateSchemaOperator)


def test_who_stands_in_the_way_is_named_before_anything_begins(
    product: Product, release: Release, uri: str
) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("CREATE TABLE token_usage_tracking (id int)")
    with psycopg.connect(uri, application_name="the nightly report") as report:
        report.execute("SELECT count(*) FROM token_usage_tracking")
        impatient = release.policy.schema_rules.model_copy(update={"long_transaction_seconds": 1e-6})
        policy = release.policy.model_copy(update={"migrations": impatient})
        operator = CheckDatabaseOperator(task_id="task", environment="production")
        operator.release = lambda _: Release(**{**vars(release), "policy": policy})  # type: ignore[method-assign, assignment]
        with (
            closing(operator.cloud_run),
            pytest.raises(DatabaseNotReady, match=r"application the nightly report, .*token_usage_tracking"),
        ):
            operator.execute(product.context)


def test_a_connection_to_another_database_is_refused(product: Product, release: Release, uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("DROP TABLE users")
    with pytest.raises(WrongDatabase, match="has no table users"):
        check_schema(product, release)
    with pytest.raises(WrongDatabase, match="has no table users"):
        run(product, MigrateSchemaOperator)


def test_what_other_people_made_since_the_backup_fails_nothing_after_production_was_migrated(
    product: Product, release: Release, uri: str
) -> None:
    run(product, BackUpDatabaseOperator)
    run(product, RehearseMigrationsOperator)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("CREATE INDEX idx_of_somebody ON users (id)")
        connection.execute("CREATE TABLE table_of_somebody (id int)")
    assert run(product, MigrateSchemaOperator) == ALL
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("CREATE INDEX another_of_somebody ON token_usage_tracking (cost_usd)")
    with pytest.raises(AirflowSkipException, match="no migration is due in production"):
        run(product, MigrateSchemaOperator)


def test_what_somebody_made_under_a_name_of_the_migrations_is_refused_before_production_is_migrated(
    product: Product, release: Release, uri: str
) -> None:
    run(product, BackUpDatabaseOperator)
    run(product, RehearseMigrationsOperator)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("CREATE TABLE token_price (id int)")
    with pytest.raises(SchemaUnexpected, match="was not migrated: table token_price: is there"):
        run(product, MigrateSchemaOperator)
    with psycopg.connect(uri) as connection:
        assert connection.execute("SELECT to_regclass('token_usage_tracking')").fetchone() == (None,)
