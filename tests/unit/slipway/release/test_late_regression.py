"""A promoted release is monitored while it serves; what is over a trigger beyond chance is found once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import DagRunTriggerException
from google.cloud import run_v2
from slipway.analysis.counts import Counts
from slipway.exceptions import MetricsUnavailable
from slipway.ledger.entries import LateRegressionFound, LedgerEntry, RollbackOrdered
from slipway.ledger.ledger import Release
from slipway.operators import after_end
from slipway.operators.watchdog import CheckReleasesOperator
from slipway.release import late_regression
from slipway.release.health import HealthCheck
from slipway.release.late_regression import due_window, find_late_regression, rollback_left

from tests.fake_ledger import BEGAN, FakeLedger, record_of
from tests.unit.slipway.on_record import opened, using

CLOSED = BEGAN + timedelta(seconds=1)
FINE = {"error_rate": Counts(10_000, 5, 100), "session_isolation": Counts(40)}


def promoted(ledger: FakeLedger | None = None, action: str = "notify") -> Release:
    ledger = ledger or FakeLedger()
    release = opened(ledger)
    ledger.close(release.release_id, outcome="promoted", reason="every phase promoted")
    watchdog = release.policy.watchdog.model_copy(update={"on_late_regression": action})
    policy = release.policy.model_copy(update={"watchdog": watchdog})
    ledger.opened[release.release_id] = replace(
        ledger.release(release.release_id), policy=policy, closed_at=CLOSED
    )
    return ledger.release(release.release_id)


class Serving:
    """Cloud Run, where the release's revision has this share of the traffic."""

    def __init__(self, release: Release, percent: int = 100) -> None:
        by_name = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
        own = release.plan.progressive.revisions["production"]
        split = {own: percent, f"{own}-next": 100 - percent}
        self.live = run_v2.Service(
            traffic_statuses=[
                run_v2.TrafficTargetStatus(type_=by_name, revision=name, percent=share)
                for name, share in split.items()
                if share
            ]
        )

    def get_service(self, _: Any) -> run_v2.Service:
        return self.live


def due(release: Release, seconds: float, *entries: LedgerEntry, percent: int = 100) -> HealthCheck | None:
    now = CLOSED + timedelta(seconds=seconds)
    return due_window(release, record_of(*entries), Serving(release, percent), now=now)  # type: ignore[arg-type]


def found(release: Release, action: Any = "notify") -> LateRegressionFound:
    return LateRegressionFound(
        service="netra-backend-prod",
        revision=release.plan.progressive.revisions["production"],
        lines=("5 % errors",),
        began_at=CLOSED,
        ended_at=CLOSED,
        action=action,
    )


def test_it_is_monitored_from_a_whole_window_after_its_end_until_the_policys_time() -> None:
    release = promoted()
    window = release.policy.traffic_share.baseline_window_seconds
    first = window + release.policy.slowest_ingestion_seconds
    assert due(release, first - 1) is None
    check = due(release, first)
    assert check is not None
    assert (check.began_at, (check.ended_at - check.began_at).total_seconds()) == (CLOSED, window)
    assert due(release, release.policy.watchdog.monitoring_seconds) is not None
    assert due(release, release.policy.watchdog.monitoring_seconds + 1) is None


def test_it_is_monitored_while_it_has_all_the_traffic_and_until_it_is_found_worse() -> None:
    release = promoted()
    assert due(release, 5000, percent=90) is None
    assert due(release, 5000, found(release)) is None
    assert due(replace(release, outcome="rolled_back"), 5000) is None


def judge(monkeypatch: pytest.MonkeyPatch, counts: Any) -> LateRegressionFound | None:
    async def count(*_: Any) -> Any:
        return counts

    monkeypatch.setattr(late_regression, "count_window", count)
    window = HealthCheck("web", "web-2", CLOSED, CLOSED + timedelta(seconds=600), is_last_try=False)
    return find_late_regression(promoted(), window, conn_id="slipway_promql")


def test_what_is_over_a_trigger_beyond_chance_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge(monkeypatch, FINE) is None
    worse = judge(monkeypatch, FINE | {"error_rate": Counts(3000, 150, 150)})
    assert worse is not None
    assert worse.lines == ("Error rate: 5.00% bad of 3000 requests (trigger 1.00%)",)
    breach = judge(monkeypatch, FINE | {"session_isolation": Counts(40, 1, 1)})
    assert breach is not None


def test_chance_a_band_and_a_metric_that_only_holds_are_no_regression(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 1.2 % of 3,000 happen by chance once in thousands of looks at a release that is exactly at its trigger.
    assert judge(monkeypatch, FINE | {"error_rate": Counts(3000, 36, 36)}) is None
    assert judge(monkeypatch, FINE | {"cost_reduction": Counts(10, 10, 10)}) is None
    assert judge(monkeypatch, FINE | {"optimization_failure_alert": Counts(9000, 8000, 8000)}) is None


@pytest.mark.parametrize("action", ["notify", "roll_back"])
def test_the_watchdog_notifies_once_and_rolls_back_where_the_policy_says_so(
    monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    events: list[str] = []
    monkeypatch.setattr("slipway.notifiers.team.notify_team", lambda *a: events.append(a[2]))
    monkeypatch.setattr("slipway.operators.watchdog.changed_services", lambda *_: [])
    monkeypatch.setattr(after_end, "find_late_regression", lambda release, *_, **__: found(release, action))
    ledger = FakeLedger()
    release = promoted(ledger, action)
    monkeypatch.setattr(
        after_end,
        "due_window",
        lambda _, record, *__, **___: None if record.get(LateRegressionFound) else "due",
    )
    watchdog = using(CheckReleasesOperator(task_id="check_releases"), ledger)
    context: Any = {}
    if action == "roll_back":
        with pytest.raises(DagRunTriggerException) as started:
            watchdog.execute(context)
        assert started.value.trigger_dag_id == "rollback"
        assert started.value.conf == {
            "release": release.release_id,
            "tier": "traffic",
            "reason": found(release).reason,
        }
    else:
        assert len(watchdog.execute(context)) == 1
        assert watchdog.execute(context) == []
    assert events == ["late_regression"]


def test_a_rollback_that_a_dead_run_did_not_start_is_left() -> None:
    release = promoted()
    now, ordered = CLOSED + timedelta(seconds=60), found(release, "roll_back")
    assert rollback_left(release, record_of(), now=now) is None
    assert rollback_left(release, record_of(found(release)), now=now) is None
    assert rollback_left(release, record_of(ordered), now=now) == ordered
    done = RollbackOrdered(tier="traffic", actor="ada", reason="x", source="DAG rollback")
    assert rollback_left(release, record_of(ordered, done), now=now) is None
    assert rollback_left(release, record_of(ordered), now=now + timedelta(days=1)) is None


def test_a_source_without_an_answer_is_asked_by_a_later_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise MetricsUnavailable("no answer")

    monkeypatch.setattr("slipway.operators.watchdog.changed_services", lambda *_: [])
    monkeypatch.setattr(
        after_end, "due_window", lambda *_, **__: HealthCheck("w", "r", CLOSED, CLOSED, False)
    )
    monkeypatch.setattr(after_end, "find_late_regression", away)
    ledger = FakeLedger()
    release = promoted(ledger)
    context: Any = {}
    assert using(CheckReleasesOperator(task_id="check_releases"), ledger).execute(context) == []
    assert ledger.get(release.release_id, LateRegressionFound) is None
