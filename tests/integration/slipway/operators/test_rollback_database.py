"""The tier database: what was written is kept, a person confirms the loss, the schema goes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput
from slipway.hooks.cloud_run.hook import SecretVersion, secrets_of
from slipway.hooks.cloud_sql import CloudSqlBackupHook
from slipway.hooks.postgres.migrations import SchemaHook
from slipway.ledger.entries import (
    BackupRestored,
    DatabaseChecked,
    DatabaseRollbackConfirmed,
    DatabaseRolledBack,
    DatabaseSwitchConfirmed,
    DatabaseSwitched,
    DataKept,
    ReleaseOpened,
    SchemaMigrated,
)
from slipway.ledger.ledger import Release
from slipway.operators.backup import BackUpDatabaseOperator
from slipway.operators.rollback_database import (
    KeepDataOperator,
    RestoreBackupOperator,
    RollBackDatabaseOperator,
)
from slipway.operators.switch_database import SwitchDatabaseOperator
from slipway.policy.release import load_policy
from slipway.release.rollback import database
from slipway.release.rollback.confirming import LEAVE_SCHEMA, LEAVE_SERVICES, SWITCH, UNDO
from slipway.release.rollback.database import BackwardStep
from slipway.release.schema import identity_of, migrations_directory
from slipway.release.watchdog import final_split
from slipway.schema.contract import read_migrations
from slipway.sql import statement

from sandbox.databases import postgres
from sandbox.supervisor.settings import Settings
from tests.fake_task_state import FakeTaskState, asking_task
from tests.integration.slipway.operators.conftest import Product
from tests.integration.slipway.operators.deferrals import run_to_end

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("postgres_server")]

MIGRATIONS = read_migrations(migrations_directory(load_policy("release.yaml")))
ALL = [migration.name for migration in MIGRATIONS]
MINE = ALL[ALL.index("0012_customer_records") :]
BEFORE = ALL[: -len(MINE)]
INSTANCE, DATABASE = "netra-staging-db", "netra_staging"


@pytest.fixture
def uri(postgres_server: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """Connection URI of the product's database before the first release."""
    found = postgres.uri(postgres_server, DATABASE)
    monkeypatch.setenv("AIRFLOW_CONN_NETRA_PRODUCTION_DB", found)
    with psycopg.connect(found, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE users (id int)")
    return found


@pytest.fixture
def release(product: Product, uri: str, asked: list[dict[str, Any]]) -> Release:
    """A release that applied the migrations from the customer records on; what served before serves again."""
    policy = load_policy("release.yaml").model_dump(mode="json")
    environments = policy["environments"]
    for environment in environments.values():
        environment |= {"project_id": product.web.address.project_id, "secret_prefix": product.prefix}
    environments["production"]["database"] = {
        "instance": INSTANCE,
        "connection": "netra_production_db",
        "found_by": {"backend": {"secret_variable": "DATABASE_URL"}},
    }
    plan, parsed = product.plan(environments=environments, name="rollback-database-test")
    service = product.web.address.service
    stable = {service: {product.stable: 100}}
    found = product.ledger.open_release(
        plan, parsed, ReleaseOpened(actor="ada", stable=stable, versions={service: "1.0.0"})
    )
    hook, identity = SchemaHook("netra_production_db"), identity_of(parsed, "production")
    hook.migrate(migrations_directory(parsed), pace=parsed.schema_rules.pace, identity=identity)
    for entry in (
        DatabaseChecked(
            environment="production",
            linted=True,
            due=tuple(MINE),
            tables=(),
            disk_bytes=0,
            used_bytes=0,
            required_bytes=0,
        ),
        SchemaMigrated(environment="production", applied=tuple(MINE), present=dict.fromkeys(ALL, ">=1.0.0")),
    ):
        product.ledger.append(found.release_id, entry)
    product.ledger.close(found.release_id, outcome="rolled_back", reason="the tests")
    product.context["params"] = {"release": found.release_id, "tier": "database"}
    product.context.update(ti=asking_task(), task_state_store=FakeTaskState())
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO user_deletion SELECT gen_random_uuid(), now() FROM generate_series(1, 3)"
        )
    return product.ledger.release(found.release_id)


def keep(product: Product) -> Any:
    return run_to_end(KeepDataOperator(task_id="keep_data", environment="production"), product.context)


def undo(product: Product, event: dict[str, Any] | None = None) -> Any:
    task = RollBackDatabaseOperator(task_id="undo_migrations")
    with closing(task.cloud_run):
        return task.on_answer(product.context, event) if event else task.execute(product.context)


def answer(option: str, user: str | None = "jo") -> dict[str, Any]:
    by = None if user is None else {"id": user, "name": user}
    return {
        "chosen_options": [option],
        "responded_at": datetime.now(UTC),
        "responded_by_user": by,
        "params_input": {"reason": "prices are wrong"},
    }


def present() -> list[str]:
    return [was.name for was in SchemaHook("netra_production_db").applied()]


def entry(product: Product, release: Release, kind: Any) -> Any:
    return product.ledger.get(release.release_id, kind)


def test_the_loss_is_shown_and_kept_before_the_migrations_are_undone(
    product: Product, release: Release, asked: list[dict[str, Any]]
) -> None:
    backup = keep(product)
    assert keep(product) == backup, "another try makes no other backup"
    with closing(CloudSqlBackupHook()) as cloud_sql:
        runs = cloud_sql.list_backups(project_id=product.web.address.project_id, instance=INSTANCE)
    assert [run.id for run in runs if release.release_id in run.description] == [backup]
    with pytest.raises(TaskAwaitingInput):
        undo(product)
    (question,) = asked
    assert question["defaults"] == [LEAVE_SCHEMA]
    for words in ("- table user_deletion: 3 rows", "DROP VIEW IF EXISTS kpi_event", f"Backup {backup} of"):
        assert words in question["body"]
    assert present() == ALL, "nothing before the answer"
    assert undo(product, answer(UNDO)) == MINE[::-1]
    assert present() == BEFORE
    confirmed = entry(product, release, DatabaseRollbackConfirmed)
    assert (confirmed.user.name, confirmed.reason) == ("jo", "prices are wrong")
    assert confirmed.lost["table user_deletion"] == 3
    done = entry(product, release, DatabaseRolledBack)
    assert (list(done.undone), done.backup) == (MINE[::-1], backup)
    assert product.ledger.verification.of(release.release_id).holds


@pytest.mark.parametrize(
    ("event", "words"),
    [(answer(LEAVE_SCHEMA), "jo answered 'Leave the schema'"), (answer(UNDO, user=None), "nobody answered")],
)
def test_without_a_persons_word_the_schema_stays_and_a_later_order_keeps_the_data_anew(
    product: Product, release: Release, event: dict[str, Any], words: str, asked: list[dict[str, Any]]
) -> None:
    first = keep(product)
    with pytest.raises(TaskAwaitingInput):
        undo(product)
    with pytest.raises(AirflowFailException, match=f"{words}.*the schema stays as it is"):
        undo(product, event)
    assert present() == ALL
    product.context["dag_run"] = SimpleNamespace(run_id="another order", conf={})
    assert keep(product) != first
    rounds = [kept.round for kept in product.ledger.entries(release.release_id).of_kind(DataKept)]
    assert rounds == [1, 2]


def test_a_task_that_was_killed_in_the_middle_goes_on_without_asking_again(
    product: Product, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(product)
    with pytest.raises(TaskAwaitingInput):
        undo(product)

    def killed(of: Release, steps: tuple[BackwardStep, ...]) -> None:
        database.undo(of, steps[:1])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("slipway.operators.rollback_database.undo", killed)
        with pytest.raises(KeyboardInterrupt):
            undo(product, answer(UNDO))
    assert present() == ALL[:-1]
    order, product.context["dag_run"] = product.context["dag_run"], SimpleNamespace(run_id="later", conf={})
    product.context["task_state_store"] = FakeTaskState()
    keep(product)
    with pytest.raises(TaskAwaitingInput):
        undo(product)
    product.context["dag_run"] = order
    assert undo(product) == MINE[::-1], "confirmed for this order alone"
    assert present() == BEFORE
    assert list(entry(product, release, DatabaseRolledBack).undone) == MINE[::-1]
    with pytest.raises(AirflowSkipException, match="no migration of the release is left to undo"):
        keep(product)


def test_the_schema_stays_while_another_release_is_open(product: Product, release: Release) -> None:
    keep(product)
    context = dict(product.context)
    product.start_run()
    product.open(name="rollback-database-test")
    product.context = context
    with pytest.raises(AirflowFailException, match="is open and relies on the schema as it is"):
        undo(product)
    assert present() == ALL


@pytest.fixture
def backed_up(product: Product, release: Release, uri: str) -> Iterator[str]:
    """The backup that the release made; the name of the database that it is restored to."""
    task = BackUpDatabaseOperator(task_id="back_up_database", environment="production")
    run_to_end(task, product.context)
    product.context["params"]["tier"] = "restore"
    database = f"{INSTANCE}-{release.release_id}".replace("-", "_")
    yield database
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


def restore(product: Product) -> Any:
    return run_to_end(
        RestoreBackupOperator(task_id="restore_backup", environment="production"), product.context
    )


def test_the_backup_is_restored_beside_what_serves_and_what_it_lacks_is_named(
    product: Product, release: Release, uri: str, backed_up: str, postgres_server: Settings
) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("INSERT INTO users SELECT generate_series(1, 2)")
    kept = keep(product)
    new = restore(product)
    assert new == f"{INSTANCE}-{release.release_id}"
    with psycopg.connect(postgres.uri(postgres_server, backed_up)) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM user_deletion").fetchone() == (3,)
    with psycopg.connect(uri) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (2,), "it serves on"
    found = entry(product, release, BackupRestored)
    assert (found.instance, found.source, found.kept_in) == (new, INSTANCE, kept)
    assert found.written_since == {"users": 2}
    assert found.addresses
    with closing(CloudSqlBackupHook()) as cloud_sql:
        operations = cloud_sql.read_operations(
            project_id=product.web.address.project_id, instance=found.instance
        )
        assert sorted(operation.kind for operation in operations) == ["CREATE", "RESTORE_VOLUME"]
    assert restore(product) == new, "done again it changes nothing"
    with pytest.raises(AirflowSkipException, match="the schema that serves stays"):
        undo(product)
    assert present() == ALL


@pytest.fixture
def finds_database(product: Product, uri: str) -> SecretVersion:
    """What serves mounts the URL of the database as a secret."""
    secret = f"{product.prefix}-database-url"
    version = product.secrets.add_version(
        project_id=product.web.address.project_id, secret=secret, data=uri.encode()
    )
    mounted = SecretVersion(secret, str(version))
    product.web.deploy("db", secrets={"DATABASE_URL": mounted})
    product.web.shift({"db": 100})
    product.stable = product.web.name("db")
    return mounted


def switch(product: Product, event: dict[str, Any] | None = None) -> Any:
    task = SwitchDatabaseOperator(task_id="switch_services")
    with closing(task.cloud_run), closing(task.secrets):
        return task.on_answer(product.context, event) if event else task.execute(product.context)


def test_the_services_are_switched_once_a_person_confirms_what_is_lost(
    product: Product,
    finds_database: SecretVersion,
    release: Release,
    uri: str,
    backed_up: str,
    asked: list[dict[str, Any]],
) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("INSERT INTO users SELECT generate_series(1, 2)")
    kept = keep(product)
    new = restore(product)
    with pytest.raises(TaskAwaitingInput):
        switch(product)
    for words in (
        "users: 2 rows",
        f"Backup {kept} of",
        new,
        f"new version of the secret {finds_database.secret}",
    ):
        assert words in asked[-1]["body"]
    with pytest.raises(AirflowFailException, match="the services stay as they are; the traffic is back"):
        switch(product, answer(LEAVE_SERVICES))
    assert product.web.split() == {"db": 100}
    with pytest.raises(TaskAwaitingInput):
        switch(product)
    assert switch(product, answer(SWITCH)) == [product.web.address.service]
    (restored,) = product.web.split()
    mounted = secrets_of(product.web.revision(restored))["DATABASE_URL"]
    assert mounted.rpartition(":")[0] == finds_database.secret
    url = product.secrets.access(
        project_id=product.web.address.project_id,
        secret=finds_database.secret,
        version=mounted.rpartition(":")[2],
    )
    assert url.decode() == uri.replace(DATABASE, backed_up)
    found = entry(product, release, DatabaseSwitched)
    assert (found.source, found.instance) == (INSTANCE, new)
    confirmed = entry(product, release, DatabaseSwitchConfirmed)
    assert (confirmed.user.name, confirmed.lost, confirmed.backup) == ("jo", {"users": 2}, kept)
    with pytest.raises(AirflowSkipException, match="use the restored instance already"):
        switch(product)
    record = product.ledger.entries(release.release_id)
    assert final_split(record, product.web.address.service) == {product.web.name(restored): 100}


def test_what_somebody_changed_in_between_is_not_switched(
    product: Product, finds_database: SecretVersion, release: Release, uri: str, backed_up: str
) -> None:
    keep(product)
    restore(product)
    with pytest.raises(TaskAwaitingInput):
        switch(product)
    product.web.shift({"db": 50, "stable": 50})
    with pytest.raises(AirflowFailException, match=r"not .*-db alone; return the traffic first"):
        switch(product, answer(SWITCH))
    assert product.web.split() == {"db": 50, "stable": 50}


def test_a_restore_that_was_killed_goes_on_where_it_was(
    product: Product, release: Release, backed_up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(product)
    with monkeypatch.context() as patch:
        patch.setattr("slipway.operators.rollback_database.written_since", Killed.now)
        with pytest.raises(Killed):
            restore(product)
    assert entry(product, release, BackupRestored) is None
    new = restore(product)
    with closing(CloudSqlBackupHook()) as cloud_sql:
        operations = cloud_sql.read_operations(project_id=product.web.address.project_id, instance=new)
    assert len(operations) == 2, "neither the instance nor the restore was begun again"


class Killed(BaseException):
    """The process is gone."""

    @classmethod
    def now(cls, *_: Any) -> None:
        raise cls


def test_while_somebody_migrates_nothing_is_undone(product: Product, release: Release, uri: str) -> None:
    keep(product)
    with psycopg.connect(uri, application_name="the release's own") as session:
        session.execute(statement("postgres/schema/try_lock"))
        with pytest.raises(AirflowFailException, match=r"the release's own, since .* migrates production"):
            undo(product)
    with pytest.raises(TaskAwaitingInput):
        undo(product)
    assert present() == ALL


def test_the_tier_traffic_leaves_the_database_alone(product: Product, release: Release) -> None:
    product.context["params"]["tier"] = "traffic"
    with pytest.raises(AirflowSkipException, match="the schema stays"):
        keep(product)
    assert entry(product, release, DataKept) is None
