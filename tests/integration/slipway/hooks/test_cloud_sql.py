"""Backups and restores of Cloud SQL, with real dumps of a real database."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from slipway.analysis.infrastructure import InstanceFacts
from slipway.exceptions import BackupFailed
from slipway.hooks.cloud_sql import CloudSqlBackupHook
from slipway.release.backup import Instance, Pending, require_done
from slipway.release.backup import back_up as release_back_up
from slipway.release.backup import restore as release_restore
from slipway.triggers.cloud_sql import CloudSqlOperationTrigger

from sandbox.databases import postgres
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.hooks.fault_proxy import Fault, FaultProxy
from tests.integration.slipway.hooks.web_service import PROJECT
from tests.integration.slipway.operators.deferrals import only_event
from tests.waiting import until

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("postgres_server")]
INSTANCE = "netra-staging-db"
INSERT = "backupRuns(\\?|$)"


@pytest.fixture
def hook(proxy: FaultProxy) -> Iterator[CloudSqlBackupHook]:
    found = CloudSqlBackupHook()
    yield found
    found.get_conn().close()


@pytest.fixture
def release() -> str:
    return f"release {uuid.uuid4().hex}"


class Kept:
    """Where the name of an operation is kept."""

    def __init__(self) -> None:
        self.kept: str | None = None

    def name(self) -> str | None:
        return self.kept

    def keep(self, name: str) -> None:
        self.kept = name


def done(pending: Pending, until: datetime) -> bool:
    """Wait as a deferred task does; return whether the named operation was done."""
    trigger = CloudSqlOperationTrigger(
        project_id=PROJECT,
        instance=INSTANCE,
        operation=pending.operation,
        until=until.isoformat(),
        poll_seconds=0.2,
        gcp_conn_id="google_cloud_default",
    )
    event = asyncio.run(only_event(trigger))
    require_done(event, Instance(PROJECT, INSTANCE), "go on")
    return event["operation"] is not None


def back_up(hook: CloudSqlBackupHook, description: str, timeout: float = 60, instance: str = INSTANCE) -> str:
    kept: Any = Kept()
    until = datetime.now(UTC) + timedelta(seconds=timeout)
    while isinstance(found := release_back_up(hook, Instance(PROJECT, instance), description, kept), Pending):
        done(found, until)
    return found


def restore(hook: CloudSqlBackupHook, backup: str) -> None:
    kept: Any = Kept()
    place = Instance(PROJECT, INSTANCE)
    until = datetime.now(UTC) + timedelta(seconds=60)
    while not done(release_restore(hook, place, place, backup, kept), until):
        pass


def backups_for(hook: CloudSqlBackupHook, description: str) -> list[str]:
    runs = hook.list_backups(project_id=PROJECT, instance=INSTANCE)
    return [run.status for run in runs if run.description == description]


def test_a_release_has_one_backup(hook: CloudSqlBackupHook, release: str) -> None:
    first = back_up(hook, release)
    assert back_up(hook, release) == first
    assert back_up(hook, f"{release} again") != first
    assert backups_for(hook, release) == ["SUCCESSFUL"]


def test_an_instance_says_how_it_is_protected(hook: CloudSqlBackupHook) -> None:
    found = hook.instance_facts(project_id=PROJECT, instance=INSTANCE)
    assert found == InstanceFacts("RUNNABLE", "REGIONAL", True, True, 10 * 2**30, disk_grows=False)
    assert hook.instance_facts(project_id=PROJECT, instance="absent") is None


def test_a_restore_brings_the_data_back(
    hook: CloudSqlBackupHook, postgres_server: Settings, release: str
) -> None:
    with psycopg.connect(postgres.uri(postgres_server, "netra_staging"), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 1 AS value")
    backup = back_up(hook, release)
    with psycopg.connect(postgres.uri(postgres_server, "netra_staging"), autocommit=True) as connection:
        connection.execute("DROP TABLE kept")
    restore(hook, backup)
    with psycopg.connect(postgres.uri(postgres_server, "netra_staging")) as connection:
        assert connection.execute("SELECT value FROM kept").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", INSERT, lost="answer"),
        Fault("POST", INSERT, lost="request"),
        Fault("POST", INSERT, status=503, times=2),
        Fault("POST", INSERT, status=429),
        Fault("POST", INSERT, status=409, times=2),
        Fault("GET", "backupRuns", status=503, times=2),
        Fault("GET", "operations", status=503, times=2),
    ],
    ids=["answer-lost", "request-lost", "503", "429", "busy", "list-503", "poll-503"],
)
def test_exactly_one_backup_is_made_whatever_the_network_does(
    hook: CloudSqlBackupHook, proxy: FaultProxy, release: str, fault: Fault
) -> None:
    injected = proxy.inject(fault)
    back_up(hook, release)
    assert injected.times == 0
    assert backups_for(hook, release) == ["SUCCESSFUL"]


def test_two_runs_of_one_task_make_one_backup(hook: CloudSqlBackupHook, release: str) -> None:
    made: list[str] = []

    def work() -> None:
        own = CloudSqlBackupHook()
        made.append(back_up(own, release))
        own.get_conn().close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 2
    assert len(set(made)) == 1
    assert backups_for(hook, release) == ["SUCCESSFUL"]


def test_an_instance_that_stays_busy_gets_no_backup(
    hook: CloudSqlBackupHook, proxy: FaultProxy, release: str
) -> None:
    proxy.inject(Fault("POST", INSERT, status=409, times=99))
    with pytest.raises(
        BackupFailed, match="not done in time; the instance is free, and Cloud SQL accepted no request"
    ):
        back_up(hook, release, timeout=3)
    assert backups_for(hook, release) == []


def test_what_cannot_be_is_refused_by_name(hook: CloudSqlBackupHook, release: str) -> None:
    with pytest.raises(BackupFailed, match="instance nothing"):
        back_up(hook, release, instance="nothing")
    with pytest.raises(BackupFailed, match="cannot restore backup 1"):
        restore(hook, "1")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", "restoreBackup", lost="answer", times=3),
        Fault("POST", "restoreBackup", lost="request", times=2),
        Fault("POST", "restoreBackup", status=503),
        Fault("POST", "restoreBackup", status=409),
        Fault("GET", "operations", status=503, times=2),
    ],
    ids=["answer-lost", "request-lost", "503", "busy", "poll-503"],
)
def test_exactly_one_restore_is_done_whatever_the_network_does(
    hook: CloudSqlBackupHook, proxy: FaultProxy, release: str, fault: Fault
) -> None:
    backup = back_up(hook, release)
    before = restores(hook)
    proxy.inject(fault)
    restore(hook, backup)
    assert [operation["status"] for operation in restores(hook) if operation not in before] == ["DONE"]


def restores(hook: CloudSqlBackupHook) -> list[dict[str, str]]:
    operations = hook.get_conn().operations().list(project=PROJECT, instance=INSTANCE).execute()["items"]
    return [operation for operation in operations if operation["operationType"] == "RESTORE_VOLUME"]


def test_a_backup_is_deleted_and_done_again_this_changes_nothing(
    hook: CloudSqlBackupHook, release: str
) -> None:
    backup, place = back_up(hook, release), {"project_id": PROJECT, "instance": INSTANCE}
    until(lambda: hook.begin_delete_backup(**place, backup=backup), "the instance is free")
    until(lambda: not backups_for(hook, release), "the backup is gone")
    assert hook.begin_delete_backup(**place, backup=backup)
