"""Readings of a metric become counts, or the reason why they are no evidence."""

from __future__ import annotations

from slipway.analysis.counts import Counts
from slipway.analysis.metric_counts import MetricCounts
from slipway.policy.release import load_policy

METRICS = load_policy("release.yaml").metrics


def slow(total: float, within: float) -> dict[str, dict[str, float]]:
    return {
        "total": {"count": total},
        "within_target": {"bucket": within},
        "within_trigger": {"bucket": within},
    }


def test_a_dip_of_the_count_alone_makes_no_slow_requests() -> None:
    counts = MetricCounts(METRICS["latency_p95"])
    readings = [(36000, 36000), (36075, 36075), (36074, 36150), (36225, 36225), (36300, 36300)]
    found = [counts.since(slow(*reading), at=15 * number) for number, reading in enumerate(readings, start=1)]
    assert sum(found, Counts()) == Counts(300, 0, 0)
    assert all(count.over_trigger == 0 for count in found)


def test_a_bucket_that_is_late_is_carried_over_not_lost() -> None:
    counts = MetricCounts(METRICS["latency_p95"])
    counts.since(slow(100, 100), at=0)
    assert counts.since(slow(150, 190), at=15) == Counts()
    assert counts.since(slow(200, 190), at=30) == Counts(100, 10, 10)


def test_a_bucket_that_is_away_for_a_reading_is_made_up_for() -> None:
    counts = MetricCounts(METRICS["latency_p95"])
    counts.since(slow(100, 100), at=0)
    away = slow(150, 0) | {"within_target": {}}
    assert counts.since(away, at=15) == Counts()
    assert counts.since(slow(200, 190), at=30) == Counts(100, 10, 10)


def test_counts_that_keep_contradicting_each_other_are_named() -> None:
    counts = MetricCounts(METRICS["latency_p95"])
    found = [counts.since(slow(10 * check, 20 * check), at=15 * check) for check in range(6)]
    assert not found[2].odd
    assert found[3].odd == (
        "the counters contradict each other: of 30 events -30 are over the target and -30 over the trigger"
    )
    assert {count.total for count in found} == {0}


def test_a_counter_that_falls_again_and_again_is_named_and_no_evidence() -> None:
    counts = MetricCounts(METRICS["error_rate"])
    for check in range(20):
        value = (36000 if check % 2 else 12000) + 75 * check
        found = counts.since(
            {"total": {'requests{instance="a"}': value}, "over_target": {}, "over_trigger": {}}, at=15 * check
        )
    assert found.total == 0
    assert found.odd == (
        'requests{instance="a"} falls again and again without a restart: several processes answer in turns'
    )
