"""What the bakes of a release saw, metric by metric."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.verdict import Cause, Finding, Verdict
from slipway.ledger.bakes import Bake
from slipway.ledger.entries import EvidenceRecorded, PhaseBaked, TrafficShifted
from slipway.ui.api.evidence import POINTS, bakes
from slipway.ui.api.links import Links
from slipway.ui.api.models.evidence import BakeEvidence

from tests.fake_ledger import BEGAN, FakeLedger
from tests.unit.slipway.on_record import opened

LINKS = Links("/slipway")


def finding(metric: str, verdict: Verdict, **fields: Any) -> Finding:
    return Finding(metric, verdict, f"{metric} is {verdict}", 1.0, 300, **fields)


def baked(*findings: Finding, verdict: Verdict, checks: int = 200) -> BakeEvidence:
    ledger = FakeLedger()
    release = opened(ledger)
    record = EvidenceRecord("canary", list(release.policy.metrics))
    for number in range(checks):
        canary = dict.fromkeys(release.policy.metrics, Counts(10, 2, 1))
        record.add(canary, {"error_rate": Counts(90)}, at=15 * number)
    judged = PhaseBaked(
        phase="canary", verdict=verdict, reason="why", findings=findings, seconds=15.0 * (checks - 1)
    )
    for entry in (TrafficShifted(phase="canary", at=BEGAN, changes={}), EvidenceRecorded.of(record), judged):
        ledger.append(release.release_id, entry)
    (found,) = bakes(release, ledger.entries(release.release_id), {Bake("canary")}, LINKS)
    assert found.drawing_url == f"/slipway/api/releases/{release.release_id}/evidence/canary/1.svg"
    assert found.checked_at == BEGAN + timedelta(seconds=15.0 * (checks - 1))
    return found


def test_what_decided_comes_first_and_what_is_only_shown_last() -> None:
    found = baked(
        finding("memory", Verdict.HOLD, advisory=True),
        finding("cost_accuracy", Verdict.PROMOTE),
        finding("latency_p95", Verdict.HOLD, cause=Cause.OVER_TARGET),
        finding("error_rate", Verdict.ROLLBACK, cause=Cause.OVER_TRIGGER),
        verdict=Verdict.ROLLBACK,
    )
    named = [one.metric for one in found.metrics if one.events]
    assert named == ["error_rate", "latency_p95", "cost_accuracy", "memory"]
    assert [one.metric for one in found.metrics if one.decides] == ["error_rate"]
    assert found.metrics[0].cause == "over_trigger"


def test_a_promotion_rests_on_every_metric_alike() -> None:
    found = baked(finding("error_rate", Verdict.PROMOTE), verdict=Verdict.PROMOTE)
    assert not any(one.decides for one in found.metrics)


def test_each_kind_of_metric_has_its_limits_in_numbers_and_words() -> None:
    by_key = {one.metric: one for one in baked(verdict=Verdict.HOLD).metrics}
    errors, latency, cost = by_key["error_rate"], by_key["latency_p95"], by_key["cost_reduction"]
    assert (errors.canary, errors.stable, errors.target, errors.trigger) == (20.0, 0.0, 0.1, 1.0)
    assert (latency.target_words, latency.trigger_words) == ("P95 at most 0.5 s", "P95 over 2 s")
    assert latency.at_trigger is not None
    assert (latency.canary, latency.target, latency.trigger) == (20.0, 5.0, None)
    assert (latency.at_trigger.canary, latency.at_trigger.trigger) == (10.0, 5.0)
    assert (cost.band, cost.target_words, cost.trigger_words) == ((15.0, 25.0), "15 to 25 %", "")
    higher = by_key["optimization_success"]
    assert (higher.canary, higher.target_words, higher.trigger_words) == (80.0, "at least 90 %", "under 90 %")
    assert by_key["optimization_failure_alert"].trigger_words == "", "it holds and never rolls back"


def test_a_series_is_short_and_ends_with_the_newest_check() -> None:
    series = baked(verdict=Verdict.HOLD).metrics[0].series
    assert len(series) <= POINTS
    assert series[-1].seconds == 15 * 199
    assert (series[-1].canary, series[-1].stable) == (20.0, 0.0)


def test_what_is_no_metric_of_the_policy_is_shown_too() -> None:
    share = finding("traffic_share", Verdict.HOLD)
    found = baked(share, verdict=Verdict.HOLD)
    assert (found.metrics[0].title, found.metrics[0].reason) == ("Traffic share", share.reason)
