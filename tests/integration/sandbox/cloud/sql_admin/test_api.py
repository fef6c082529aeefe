"""Cloud SQL Admin through the official client, on a real PostgreSQL server."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from google.auth.credentials import AnonymousCredentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from sandbox.cloud.sql_admin.api import CloudSql
from sandbox.cloud.storage.buckets import Bucket, BucketStore
from sandbox.databases import postgres
from sandbox.supervisor.settings import Settings
from tests.integration.sandbox.cloud.served import served

pytestmark = pytest.mark.sandbox

PROJECT = "sandbox-production"
INSTANCE = "netra-production-db"
WHERE = {"project": PROJECT, "instance": INSTANCE}
DONE_SECONDS = 60.0


@pytest.fixture
def buckets(tmp_path: Path) -> BucketStore:
    """A bucket that takes exports, and one that nobody may write to."""
    return BucketStore(tmp_path / "storage", {"backups": Bucket(), "read-only": Bucket(writers=())})


@pytest.fixture(params=["v1beta4", "v1"])
def api(postgres_server: Settings, buckets: BucketStore, request: pytest.FixtureRequest) -> Iterator[Any]:
    """An official client of either version of the API."""
    with served(CloudSql(postgres_server, buckets=buckets).routes()) as url:
        client = build(
            "sqladmin",
            request.param,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": url},
            cache_discovery=False,
        )
        yield client
        client.close()


@pytest.fixture
def database(postgres_server: Settings) -> Iterator[psycopg.Connection[Any]]:
    """A session on the instance's database, which has one table with three rows."""
    with psycopg.connect(postgres.uri(postgres_server, "netra_production"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS later CASCADE")
        connection.execute("DROP TABLE IF EXISTS later")
        connection.execute("DROP TABLE IF EXISTS usage")
        connection.execute("CREATE TABLE usage AS SELECT generate_series(1, 3) AS n")
        yield connection


def count(postgres_server: Settings) -> int:
    with psycopg.connect(postgres.uri(postgres_server, "netra_production")) as connection:
        row = connection.execute("SELECT count(*) FROM usage").fetchone()
    assert row is not None
    return int(row[0])


def finish(api: Any, operation: dict[str, Any]) -> dict[str, Any]:
    """Wait until the operation is done."""
    deadline = time.monotonic() + DONE_SECONDS
    while operation["status"] != "DONE":
        assert time.monotonic() < deadline, operation
        time.sleep(0.05)
        operation = api.operations().get(project=PROJECT, operation=operation["name"]).execute()
    return operation


def back_up(api: Any, description: str = "") -> str:
    operation = finish(api, api.backupRuns().insert(**WHERE, body={"description": description}).execute())
    assert "error" not in operation
    return str(operation["backupContext"]["backupId"])


def restore(api: Any, backup: str) -> dict[str, Any]:
    context = {"backupRunId": backup, "instanceId": INSTANCE, "project": PROJECT}
    return finish(
        api, api.instances().restoreBackup(**WHERE, body={"restoreBackupContext": context}).execute()
    )


@pytest.mark.conformance("instances.list", "instances.get")
def test_instances_are_listed_per_project(api: Any) -> None:
    instance = api.instances().list(project=PROJECT).execute()["items"][0]
    assert (instance["name"], instance["state"], instance["databaseVersion"]) == (
        INSTANCE,
        "RUNNABLE",
        "POSTGRES_18",
    )
    assert api.instances().get(**WHERE).execute() == instance


@pytest.mark.conformance("backupRuns.insert", "backupRuns.get", "backupRuns.list", "operations.get")
@pytest.mark.usefixtures("database")
def test_backup_is_described(api: Any) -> None:
    backup = back_up(api, "before the release")
    run = api.backupRuns().get(**WHERE, id=backup).execute()
    assert (run["status"], run["type"], run["description"]) == (
        "SUCCESSFUL",
        "ON_DEMAND",
        "before the release",
    )
    assert run["startTime"] <= run["endTime"]
    assert api.backupRuns().list(**WHERE).execute()["items"][0] == run


def export(api: Any, uri: str, *databases: str) -> dict[str, Any]:
    context = {"fileType": "SQL", "uri": uri, "databases": list(databases), "offload": True}
    return finish(api, api.instances().export(**WHERE, body={"exportContext": context}).execute())


@pytest.mark.conformance("instances.export", "operations.get")
@pytest.mark.usefixtures("database")
def test_an_export_is_a_compressed_script_in_the_bucket(api: Any, buckets: BucketStore) -> None:
    operation = export(api, "gs://backups/r/netra.sql.gz", "netra_production")
    assert operation["operationType"] == "EXPORT"
    assert "error" not in operation
    (stored,) = buckets.objects("backups")
    assert stored.name == "r/netra.sql.gz"
    assert b"CREATE TABLE public.usage" in gzip.decompress(buckets.read("backups", stored))


@pytest.mark.usefixtures("database")
def test_an_export_to_a_bucket_that_takes_no_write_fails_and_leaves_nothing(
    api: Any, buckets: BucketStore
) -> None:
    (error,) = export(api, "gs://read-only/x.sql", "netra_production")["error"]["errors"]
    assert "does not have storage.objects.create access" in error["message"]
    assert list(buckets.objects("read-only")) == []


@pytest.mark.parametrize("databases", [[], ["netra_production", "postgres"], ["absent"]])
def test_exactly_one_database_of_the_instance_is_exported(api: Any, databases: list[str]) -> None:
    with pytest.raises(HttpError, match="exactly one database"):
        export(api, "gs://backups/x.sql", *databases)


@pytest.mark.conformance("instances.restoreBackup", "operations.get")
def test_a_restore_brings_back_exactly_the_backup(
    api: Any, postgres_server: Settings, database: psycopg.Connection[Any]
) -> None:
    backup = back_up(api)
    database.execute("DELETE FROM usage")
    database.execute("ALTER TABLE usage ADD COLUMN extra int")
    database.execute("CREATE TABLE later (n int)")
    database.execute("CREATE SCHEMA later CREATE TABLE later.inside (n int)")
    assert "error" not in restore(api, backup)
    with psycopg.connect(postgres.uri(postgres_server, "netra_production")) as connection:
        columns = connection.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns "
            "WHERE table_name IN ('usage', 'later', 'inside')"
        ).fetchall()
    assert columns == [("public", "usage", "n")]
    assert count(postgres_server) == 3


def test_restore_ends_the_sessions(api: Any, database: psycopg.Connection[Any]) -> None:
    restore(api, back_up(api))
    with pytest.raises(psycopg.errors.AdminShutdown):
        database.execute("SELECT 1")


def test_restore_that_fails_changes_nothing(
    api: Any, postgres_server: Settings, database: psycopg.Connection[Any]
) -> None:
    backup = back_up(api)
    database.execute("DELETE FROM usage WHERE n > 1")
    dump = postgres_server.data / "backups" / f"{backup}.dump"
    dump.write_bytes(dump.read_bytes()[:100])
    operation = restore(api, backup)
    assert "pg_restore failed" in operation["error"]["errors"][0]["message"]
    assert count(postgres_server) == 1


def test_one_operation_at_a_time(api: Any, database: psycopg.Connection[Any]) -> None:
    # The dump waits for the lock, so that the operation is surely under way.
    with database.transaction():
        database.execute("LOCK TABLE usage IN ACCESS EXCLUSIVE MODE")
        operation = api.backupRuns().insert(**WHERE, body={}).execute()
        with pytest.raises(HttpError) as caught:
            api.backupRuns().insert(**WHERE, body={}).execute()
        assert caught.value.resp.status == 409
        assert caught.value.error_details[0]["reason"] == "operationInProgress"
    assert "error" not in finish(api, operation)
    back_up(api)


@pytest.mark.conformance("backupRuns.delete")
@pytest.mark.usefixtures("database")
def test_deleted_backup_is_gone(api: Any, postgres_server: Settings) -> None:
    backup = back_up(api)
    finish(api, api.backupRuns().delete(**WHERE, id=backup).execute())
    with pytest.raises(HttpError, match="404"):
        api.backupRuns().get(**WHERE, id=backup).execute()
    assert not (postgres_server.data / "backups" / f"{backup}.dump").exists()


def test_a_missing_resource_is_not_found(api: Any) -> None:
    elsewhere = {"project": PROJECT, "instance": "netra-staging-db"}
    context = {"restoreBackupContext": {"backupRunId": "1", "instanceId": INSTANCE}}
    for request in (
        api.instances().get(**elsewhere),
        api.backupRuns().insert(**elsewhere, body={}),
        api.backupRuns().get(**WHERE, id="1"),
        api.instances().restoreBackup(**WHERE, body=context),
        api.operations().get(project=PROJECT, operation="missing"),
    ):
        with pytest.raises(HttpError, match="404"):
            request.execute()


@pytest.mark.conformance("instances.insert", "instances.get", "databases.list")
@pytest.mark.usefixtures("database")
def test_a_new_instance_takes_a_backup_and_is_there_after_a_restart(
    api: Any, postgres_server: Settings
) -> None:
    name, model = f"new-{time.time_ns()}", api.instances().get(**WHERE).execute()
    body = {"name": name} | {key: model[key] for key in ("region", "databaseVersion", "settings")}
    with pytest.raises(HttpError, match="400"):
        api.instances().insert(project=PROJECT, body={"name": name}).execute()
    operation = api.instances().insert(project=PROJECT, body=body).execute()
    assert (operation["operationType"], operation["targetId"]) == ("CREATE", name)
    assert "error" not in finish(api, operation)
    assert api.instances().get(project=PROJECT, instance=name).execute()["state"] == "RUNNABLE"
    with pytest.raises(HttpError, match="409"):
        api.instances().insert(project=PROJECT, body=body).execute()
    context = {"backupRunId": back_up(api), "instanceId": INSTANCE, "project": PROJECT}
    request = api.instances().restoreBackup(
        project=PROJECT, instance=name, body={"restoreBackupContext": context}
    )
    assert "error" not in finish(api, request.execute())
    _, own = api.databases().list(project=PROJECT, instance=name).execute()["items"]
    assert own["instance"] == name
    with psycopg.connect(postgres.uri(postgres_server, own["name"])) as connection:
        assert connection.execute("SELECT count(*) FROM usage").fetchone() == (3,)
    assert name in CloudSql(postgres_server)._instances


@pytest.mark.conformance("operations.list")
@pytest.mark.usefixtures("database")
def test_backups_survive_a_restart(api: Any, postgres_server: Settings) -> None:
    backup = back_up(api)
    with served(CloudSql(postgres_server).routes()) as url:
        again = build(
            "sqladmin",
            "v1beta4",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": url},
            cache_discovery=False,
        )
        assert again.backupRuns().get(**WHERE, id=backup).execute()["status"] == "SUCCESSFUL"
        operations = again.operations().list(**WHERE).execute()["items"]
        assert {operation["status"] for operation in operations} == {"DONE"}
        again.close()
