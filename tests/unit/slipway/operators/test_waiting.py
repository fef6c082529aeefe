"""No operator that waits for Cloud Run or Cloud SQL holds a worker for longer than 30 seconds."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred
from google.cloud import run_v2
from slipway import operators
from slipway.exceptions import BackupFailed, CloudRunTimeout
from slipway.hooks import cloud_sql
from slipway.hooks.deadline import Deadline
from slipway.hooks.postgres import state
from slipway.ledger.entries import (
    BackupRestored,
    ConfigurationWritten,
    DatabaseBackedUp,
    DataKept,
    LedgerEntry,
    MigrationsRehearsed,
    TrafficRestored,
    TrafficShifted,
)
from slipway.ledger.plan import PlannedService, ReleasePlan
from slipway.operators import rollback_database
from slipway.operators.backup import BackUpDatabaseOperator, CloudSqlOperator, RehearseMigrationsOperator
from slipway.operators.base import ReleaseOperator
from slipway.operators.cloud_run import CloudRunOperator
from slipway.operators.deploy import DeployRevisionsOperator
from slipway.operators.rollback import RollBackTrafficOperator
from slipway.operators.rollback_database import KeepDataOperator, RestoreBackupOperator
from slipway.operators.traffic import ServeStagingOperator, ShiftTrafficOperator
from slipway.operators.warm_up import WarmUpOperator
from slipway.policy.release import load_policy
from slipway.release.rollback import traffic as rollback_traffic
from slipway.release.rollback.database import BackwardStep
from slipway.release.shift import Shift

from tests.fake_ledger import FakeLedger

WORKER_SECONDS = 30
NEW, OLD = "netra-backend-prod-v1-1-0", "netra-backend-prod-v1-0-0"
POLICY = load_policy("release.yaml")
SERVED = {"verdict": "promote", "reason": "the split is served", "counts": {}, "rounds": 1}
STATE = {
    "etag": "1",
    "generation": 1,
    "modified_by": "slipway",
    "modified_at": None,
    "template": {},
    "traffic": {OLD: 90, NEW: 10},
    "tags": {},
}
NAMES = {
    key: {"staging": f"netra-{key}-staging", "production": f"netra-{key}-prod"} for key in ("backend", "auth")
}
PLAN = ReleasePlan(
    release_id="r",
    run_id="run",
    version="1.1.0",
    policy_name="test",
    services={
        key: PlannedService(
            image=f"host.example/{key}:1.1.0",
            progressive=key == "backend",
            names=names,
            revisions={environment: f"{name}-v1-1-0" for environment, name in names.items()},
        )
        for key, names in NAMES.items()
    },
)
RELEASE: Any = SimpleNamespace(
    release_id="r",
    run_id="run",
    version="1.1.0",
    policy=POLICY,
    outcome=None,
    plan=PLAN,
    stable={names["production"]: {f"{names['production']}-v1-0-0": 100} for names in NAMES.values()},
)


def ledger() -> FakeLedger:
    """Return a ledger with what the operators need on record."""
    return FakeLedger(
        ConfigurationWritten(environment="staging", versions=dict.fromkeys(POLICY.configuration, 1)),
        DatabaseBackedUp(
            environment="production", instance="main", backup="7", rows_before={}, rows_after={}
        ),
    )


class SlowCloudRun:
    """Cloud Run that is never done in time; it remembers how long it was waited for, and for whom."""

    gcp_conn_id = "google_cloud_default"

    def __init__(self) -> None:
        self.waited = 0.0
        self.asked: list[str] = []

    def get_service(self, address: Any) -> run_v2.Service:
        statuses = [
            run_v2.TrafficTargetStatus(revision=f"{address.service}-{suffix}", percent=share)
            for suffix, share in (("v1-1-0", 10), ("v1-0-0", 90))
        ]
        return run_v2.Service(name=address.name, uri="https://web.example", traffic_statuses=statuses)

    def get_revision(self, address: Any, revision: str) -> run_v2.Revision:
        return run_v2.Revision(scaling_status=run_v2.RevisionScalingStatus(desired_min_instance_count=0))

    def deploy_revision(self, address: Any, *, timeout: float, **_: Any) -> Any:
        self.asked.append(address.service)
        self.waited += timeout
        raise CloudRunTimeout("not ready")

    def set_traffic(self, address: Any, *, timeout: float, **_: Any) -> Any:
        self.asked.append(address.service)
        self.waited += timeout
        raise CloudRunTimeout("not there yet")


class SlowCloudSql:
    """Cloud SQL whose operations run for ever."""

    def __init__(self, **_: Any) -> None:
        self.begun: list[str] = []

    def list_backups(self, **_: Any) -> list[Any]:
        return []

    def read_operations(self, **_: Any) -> list[Any]:
        return []

    def read_operation(self, *, name: str, **_: Any) -> Any:
        return cloud_sql.SqlOperation(name, "BACKUP_VOLUME", "RUNNING", "", None)

    def begin_backup(self, **_: Any) -> str:
        BEGUN.append("backup")
        return "operation-1"

    def begin_restore(self, **_: Any) -> str:
        BEGUN.append("restore")
        return "operation-2"

    def find_instance(self, **_: Any) -> None:
        return None

    def begin_create(self, **_: Any) -> str:
        BEGUN.append("create")
        return "operation-3"

    def close(self) -> None:
        pass


BEGUN: list[str] = []
Make = Callable[[], ReleaseOperator]
CLOUD_RUN: dict[str, tuple[Make, str]] = {
    "deploy": (
        lambda: DeployRevisionsOperator(task_id="t", environment="staging"),
        "RevisionsReadyTrigger",
    ),
    "serve staging": (lambda: ServeStagingOperator(task_id="t"), "TrafficSettledTrigger"),
    "shift": (lambda: ShiftTrafficOperator(task_id="t", phase="canary"), "TrafficSettledTrigger"),
    "warm up": (lambda: WarmUpOperator(task_id="t", phase="canary"), "InstancesReadyTrigger"),
    "roll back": (lambda: RollBackTrafficOperator(task_id="t"), "TrafficSettledTrigger"),
}
CLOUD_SQL: dict[str, tuple[Make, str, type[LedgerEntry]]] = {
    "back up": (
        lambda: BackUpDatabaseOperator(task_id="t", environment="production"),
        "operation-1",
        DatabaseBackedUp,
    ),
    "rehearse": (
        lambda: RehearseMigrationsOperator(task_id="t", environment="production"),
        "operation-2",
        MigrationsRehearsed,
    ),
    "keep the data": (
        lambda: KeepDataOperator(task_id="t", environment="production"),
        "operation-1",
        DataKept,
    ),
    "restore beside": (
        lambda: RestoreBackupOperator(task_id="t", environment="production"),
        "operation-3",
        BackupRestored,
    ),
}
DAG_RUN = SimpleNamespace(run_id="order")


def context(operator: ReleaseOperator) -> Any:
    """Return the context of an order in whose tier the operator has something to do."""
    tier = "restore" if isinstance(operator, RestoreBackupOperator) else "database"
    return {"params": {"tier": tier}, "dag_run": DAG_RUN}


def prepared(monkeypatch: pytest.MonkeyPatch, make: Make) -> tuple[ReleaseOperator, SlowCloudRun]:
    """Make an operator whose ledger and hooks are fakes, in a world where nobody may sleep."""

    def asleep(*_: Any) -> None:
        raise AssertionError("a worker sleeps")

    monkeypatch.setattr(Deadline, "pause", asleep)
    monkeypatch.setattr("time.sleep", asleep)
    monkeypatch.setattr(cloud_sql, "CloudSqlBackupHook", SlowCloudSql)
    counted = SimpleNamespace(key_ranges=lambda _: [], row_counts=lambda _: {})
    monkeypatch.setattr(state, "DatabaseStateHook", lambda _: counted)
    monkeypatch.setattr(rollback_traffic, "require_readable_targets", lambda *_: {})
    monkeypatch.setattr(rollback_database, "remaining_steps", lambda *_: [BackwardStep("0002", "")])
    monkeypatch.setattr(Shift, "_headers", lambda *_: {})
    BEGUN.clear()
    operator, hook = make(), SlowCloudRun()
    operator.__dict__ |= {"ledger": ledger(), "cloud_run": hook}
    monkeypatch.setattr(type(operator), "release", lambda *_: RELEASE)
    return operator, hook


def deferred(operator: ReleaseOperator, method: str = "execute", **arguments: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as found:
        getattr(operator, method)(context(operator), **arguments)
    return found.value


@pytest.mark.parametrize("name", CLOUD_RUN)
def test_waiting_for_cloud_run_goes_to_the_triggerer(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    make, trigger = CLOUD_RUN[name]
    operator, hook = prepared(monkeypatch, make)
    found = deferred(operator)
    path, arguments = found.trigger.serialize()
    assert path == f"slipway.triggers.cloud_run.{trigger}"
    assert hook.waited <= WORKER_SECONDS
    awaited = [service["service"] for service in arguments["services"]]
    assert awaited
    assert hook.asked in ([], awaited), "what is awaited was asked for"
    assert found.timeout is not None
    again = type(found.trigger)(**arguments)
    assert again.serialize() == (path, arguments), "a restarted triggerer makes the same trigger"


@pytest.mark.parametrize("name", CLOUD_SQL)
def test_waiting_for_cloud_sql_goes_to_the_triggerer(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    make, operation, kind = CLOUD_SQL[name]
    operator, _ = prepared(monkeypatch, make)
    path, arguments = deferred(operator).trigger.serialize()
    assert path == "slipway.triggers.cloud_sql.CloudSqlOperationTrigger"
    assert arguments["operation"] == operation
    own: dict[type[LedgerEntry], dict[str, Any]] = {
        DataKept: {"round": 1},
        BackupRestored: {"service": "create"},
    }
    parts = own.get(kind, {"environment": "production"})
    assert operator.ledger.operations.of("r", kind, **parts).name() == operation
    # Killed and run again, it waits for the same operation and begins no other.
    assert deferred(operator).trigger.serialize()[1]["operation"] == operation
    assert len(BEGUN) == 1


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"status": "error", "operation": "operation-1", "message": "disk full"}, "disk full"),
        ({"status": "timeout", "operation": "operation-1", "message": "is RUNNING"}, "not done in time"),
    ],
)
def test_an_operation_that_ends_badly_is_named(
    monkeypatch: pytest.MonkeyPatch, event: dict[str, Any], why: str
) -> None:
    operator, _ = prepared(monkeypatch, CLOUD_SQL["back up"][0])
    until = datetime.now(UTC).isoformat()
    with pytest.raises(BackupFailed, match=why):
        operator.execute_complete({}, event, until=until, counted={})  # type: ignore[attr-defined]


def test_a_split_that_is_not_served_yet_is_asked_for_again_in_another_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operator, hook = prepared(monkeypatch, CLOUD_RUN["shift"][0])
    change = SimpleNamespace(before={OLD: 100}, after={OLD: 90, NEW: 10}, state=STATE)
    monkeypatch.setattr(hook, "set_traffic", lambda *_, **__: change)
    waited: list[float] = []

    def not_served(*_: Any, seconds: float, **__: Any) -> dict[str, Any]:
        waited.append(seconds)
        return {"verdict": "rollback", "reason": "the old revision answered everything"}

    monkeypatch.setattr("slipway.release.shift.verify_split", not_served)
    found = deferred(operator)
    assert max(waited) <= WORKER_SECONDS < POLICY.verification.settle_seconds  # type: ignore[union-attr]
    assert operator.ledger.get("r", TrafficShifted, phase="canary") is None, (
        "the bake begins when the split is served"
    )
    assert found.kwargs is not None
    with pytest.raises(TaskDeferred):
        operator.execute_complete({}, None, **found.kwargs)  # type: ignore[attr-defined]


def test_the_split_before_stays_on_record_when_the_wait_was_deferred(monkeypatch: pytest.MonkeyPatch) -> None:
    operator, hook = prepared(monkeypatch, CLOUD_RUN["roll back"][0])
    found = deferred(operator)
    restored = {name: f"{name}-v1-0-0" for name in RELEASE.stable}

    def settled(address: Any, **_: Any) -> Any:
        split = {restored[address.service]: 100}
        return SimpleNamespace(before=split, after=split, changed=False)

    monkeypatch.setattr(hook, "set_traffic", settled)
    operator.execute_complete({}, {"status": "success"}, **(found.kwargs or {}))  # type: ignore[attr-defined]
    entry = operator.ledger.get("r", TrafficRestored)
    assert entry is not None
    for name, stable in restored.items():
        assert entry.changes[name].before == {f"{name}-v1-1-0": 10, stable: 90}
        assert entry.changes[name].after == {stable: 100}
        assert entry.changes[name].changed


def test_a_shift_that_was_deferred_records_the_split_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    operator, hook = prepared(monkeypatch, CLOUD_RUN["shift"][0])
    found = deferred(operator)
    monkeypatch.setattr("slipway.release.shift.verify_split", lambda *_, **__: SERVED)
    canary = {OLD: 90, NEW: 10}
    change = SimpleNamespace(before=canary, after=canary, changed=False, state=STATE)
    monkeypatch.setattr(hook, "set_traffic", lambda *_, **__: change)
    assert found.kwargs == {"earlier": {"netra-backend-prod": {"before": {OLD: 90, NEW: 10}}}}
    earlier = {"netra-backend-prod": {"before": {OLD: 100}}}
    operator.execute_complete({}, {"status": "success"}, earlier=earlier)  # type: ignore[attr-defined]
    entry = operator.ledger.get("r", TrafficShifted, phase="canary")
    assert entry is not None
    assert entry.changes["netra-backend-prod"].before == {OLD: 100}


def concrete(base: type[BaseOperator]) -> set[type[BaseOperator]]:
    """Return the operators below a base that can be a task."""
    below = base.__subclasses__()
    own = {kind for kind in below if kind.__module__.startswith("slipway.")}
    found = {kind for kind in own if kind.execute is not BaseOperator.execute}
    return found.union(*(concrete(kind) for kind in below))


def test_every_operator_that_waits_is_tested() -> None:
    for module in pkgutil.walk_packages(operators.__path__, "slipway.operators."):
        importlib.import_module(module.name)
    makers = [case[0] for case in CLOUD_RUN.values()] + [case[0] for case in CLOUD_SQL.values()]
    tested = {type(make()) for make in makers}
    assert {kind for base in (CloudRunOperator, CloudSqlOperator) for kind in concrete(base)} == tested
