"""When the health of what serves again is checked, and what becomes of the check."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from slipway.analysis.counts import Counts
from slipway.exceptions import MetricsUnavailable
from slipway.hooks.metrics.promql import PromQLHook, Sample
from slipway.ledger.entries import HealthVerified, LedgerEntry, SplitChange, TrafficRestored
from slipway.ledger.ledger import Release
from slipway.operators.watchdog import CheckReleasesOperator
from slipway.release import health
from slipway.release.health import HealthCheck, due_check, verify_health

from tests.fake_ledger import BEGAN, FakeLedger, record_of
from tests.unit.slipway.on_record import opened, using

WEB = "netra-backend-prod"
OLD = f"{WEB}-old"
RESTORED = BEGAN + timedelta(seconds=1)
BACK = TrafficRestored(reason="x", changes={WEB: SplitChange(before={"new": 10, OLD: 90}, after={OLD: 100})})


def rolled_back(ledger: FakeLedger | None = None, *, outcome: Any = "rolled_back") -> Release:
    ledger = ledger or FakeLedger()
    release = opened(ledger)
    ledger.close(release.release_id, outcome=outcome, reason="5 % errors")
    return ledger.release(release.release_id)


def due(release: Release, seconds: float, *entries: LedgerEntry) -> HealthCheck | None:
    return due_check(release, record_of(*entries), now=RESTORED + timedelta(seconds=seconds))


def test_it_is_due_once_the_source_has_the_window_and_not_for_ever() -> None:
    release = rolled_back()
    window = release.policy.traffic_share.baseline_window_seconds
    first = window + release.policy.slowest_ingestion_seconds
    outage = release.policy.decision.outage_seconds
    assert due(release, first - 1, BACK) is None
    check = due(release, first, BACK)
    assert check is not None
    assert (check.service, check.revision, check.began_at, check.is_last_try) == (WEB, OLD, RESTORED, False)
    assert (check.ended_at - check.began_at).total_seconds() == window
    late = due(release, first + outage, BACK)
    assert late is not None
    assert late.is_last_try
    assert due(release, first + 2 * outage + 1, BACK) is None


def test_only_a_rollback_that_left_the_recorded_split_is_checked_and_only_once() -> None:
    release, done = rolled_back(), verified(True)
    at = release.policy.traffic_share.baseline_window_seconds + release.policy.slowest_ingestion_seconds
    elsewhere = {WEB: SplitChange(before={"new": 10}, after={"new": 10}, changed=False)}
    assert due(release, at, BACK, done) is None
    assert due(release, at) is None
    assert due(release, at, TrafficRestored(reason="first release", changes=elsewhere)) is None
    assert due(rolled_back(outcome="promoted"), at, BACK) is None


def verified(healthy: bool | None) -> HealthVerified:
    return HealthVerified(
        service=WEB, revision=OLD, healthy=healthy, lines=("x",), began_at=RESTORED, ended_at=RESTORED
    )


def check(*, is_last_try: bool = False) -> HealthCheck:
    return HealthCheck(WEB, OLD, RESTORED, RESTORED + timedelta(seconds=600), is_last_try)


@pytest.mark.parametrize(
    ("counts", "healthy", "words"),
    [
        ({"error_rate": Counts(1000)}, True, "is healthy: Error rate: 0.00% bad"),
        ({"error_rate": Counts(1000, 50, 50)}, False, "is NOT healthy: Error rate: 5.00% bad of 1000"),
        ({}, None, "could not be verified: Error rate: 0 requests, too few"),
    ],
)
def test_the_metrics_say_how_it_is(
    monkeypatch: pytest.MonkeyPatch, counts: Any, healthy: bool | None, words: str
) -> None:
    async def count(*_: Any) -> Any:
        return counts

    monkeypatch.setattr(health, "count_window", count)
    found = verify_health(rolled_back(), check(), conn_id="slipway_promql")
    assert found.healthy is healthy
    assert words in found.sentence


def test_a_source_without_an_answer_is_asked_again_and_then_it_is_on_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(*_: Any) -> Any:
        raise MetricsUnavailable("no answer")

    monkeypatch.setattr(health, "count_window", away)
    with pytest.raises(MetricsUnavailable):
        verify_health(rolled_back(), check(), conn_id="slipway_promql")
    found = verify_health(rolled_back(), check(is_last_try=True), conn_id="slipway_promql")
    assert (found.healthy, found.lines) == (None, ("no answer",))


class Door(PromQLHook):
    """One counter of requests, 20 a second, whose collector missed the beginning of the window."""

    async def aquery(self, expr: str, time: float | None = None) -> list[Sample]:
        past = (time or 0.0) - RESTORED.timestamp()
        if not expr.startswith("run_googleapis_com:request_count") or "429" in expr or past < 100:
            return []
        return [Sample({"revision_name": OLD, "code": "200"}, 1e6 + 20 * past, time or 0.0)]


def test_an_old_counter_that_is_first_seen_in_the_window_is_a_starting_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("slipway.hooks.metrics.promql.PromQLHook", Door)
    found = asyncio.run(health.count_window(rolled_back(), check(), "slipway_promql"))
    assert found["error_rate"].total == pytest.approx(20 * 450)


@pytest.mark.parametrize(("healthy", "told"), [(True, []), (False, ["health"]), (None, ["health"])])
def test_the_watchdog_records_it_and_notifies_the_team_of_what_is_not_healthy(
    monkeypatch: pytest.MonkeyPatch, healthy: bool | None, told: list[str]
) -> None:
    events: list[str] = []
    monkeypatch.setattr("slipway.notifiers.team.notify_team", lambda *a: events.append(a[2]))
    monkeypatch.setattr("slipway.operators.watchdog.changed_services", lambda *_: [])
    monkeypatch.setattr("slipway.operators.after_end.verify_health", lambda *_, **__: verified(healthy))
    ledger = FakeLedger()
    release = rolled_back(ledger)

    def once(_: Release, record: Any, *, now: datetime) -> HealthCheck | None:
        return check() if record.get(HealthVerified) is None else None

    monkeypatch.setattr("slipway.operators.after_end.due_check", once)
    watchdog = using(CheckReleasesOperator(task_id="check_releases"), ledger)
    context: Any = {}
    (line,) = watchdog.execute(context)
    assert release.release_id in line
    assert watchdog.execute(context) == []
    assert events == told
    assert ledger.get(release.release_id, HealthVerified) is not None


def test_a_source_without_an_answer_is_no_red_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise MetricsUnavailable("no answer")

    monkeypatch.setattr("slipway.operators.watchdog.changed_services", lambda *_: [])
    monkeypatch.setattr("slipway.operators.after_end.due_check", lambda *_, **__: check())
    monkeypatch.setattr("slipway.operators.after_end.verify_health", away)
    ledger = FakeLedger()
    release = rolled_back(ledger)
    context: Any = {}
    assert using(CheckReleasesOperator(task_id="check_releases"), ledger).execute(context) == []
    assert ledger.get(release.release_id, HealthVerified) is None
