"""Readings of a metric become counts, or the reason why they are no evidence."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.analysis.counts import Counts
from slipway.analysis.metric_counts import MetricCounts
from slipway.hooks.metrics.query_text import queries
from slipway.policy.release import load_policy

METRICS = load_policy("release.yaml").metrics
#: Up to three parts of a metric: a reading each.
Parts = tuple[dict[str, float], dict[str, float], dict[str, float]]


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


def errors(good: dict[str, float], bad: dict[str, float]) -> dict[str, dict[str, float]]:
    return {"total": good | bad, "over_target": bad, "over_trigger": bad}


def test_an_old_counter_seen_for_the_first_time_is_a_starting_point() -> None:
    counts = MetricCounts(METRICS["error_rate"])
    assert counts.since(errors({}, {}), at=0, pace=5) == Counts()
    found = [
        counts.since(
            errors({"2xx": 241_800 + 675 * check}, {"5xx": 2900 + check // 4}), at=15 * check, pace=5
        )
        for check in range(1, 9)
    ]
    assert sum(found, Counts()) == Counts(7 * 675 + 2, 2, 2)


def test_a_new_counter_counts_from_zero_at_once_where_that_is_possible() -> None:
    counts = MetricCounts(METRICS["error_rate"])
    counts.since(errors({"a": 1000}, {}), at=0)
    assert counts.since(errors({"a": 1075}, {}), at=15) == Counts(75)
    assert counts.since(errors({"a": 1150, "b": 70}, {"a5": 20}), at=30) == Counts(165, 20, 20)


def test_a_new_counter_counts_a_check_later_where_only_its_own_pace_shows_that_it_is_possible() -> None:
    counts = MetricCounts(METRICS["error_rate"])
    counts.since(errors({}, {}), at=0)
    assert counts.since(errors({"a": 1400}, {"a5": 100}), at=15) == Counts()
    assert counts.since(errors({"a": 2800}, {"a5": 200}), at=30) == Counts(3000, 200, 200)


def test_an_old_counter_that_the_first_reading_did_not_have_brings_no_events_of_its_past() -> None:
    """1298 errors of two hours, twice the requests of one interval."""
    counts = MetricCounts(METRICS["error_rate"])
    total = {f"old-{n}": 108_000.0 for n in range(3)}
    counts.since(errors(total, {"old-0,5xx": 1298, "old-1,5xx": 1301}), at=0)
    found = Counts()
    for check in range(1, 4):
        served = {name: value + 230 * check for name, value in total.items()}
        past = {"old-0,5xx": 1298.0, "old-1,5xx": 1301.0, "old-2,5xx": 1298.0}
        found += counts.since(errors(served | past, past), at=15 * check)
    assert found == Counts(3 * 3 * 230)


def test_a_counter_under_a_new_name_goes_on() -> None:
    counts = MetricCounts(METRICS["error_rate"])
    for check in range(5):
        counts.since(errors({"a": 75 * check}, {}), at=15 * check)
    assert counts.since(errors({"a,pod=p": 375}, {}), at=75) == Counts(75)
    assert counts.since(errors({"a,pod=p": 450}, {}), at=90) == Counts(75)


def test_a_bucket_of_one_instance_that_is_away_makes_no_slow_requests() -> None:
    counts = MetricCounts(METRICS["latency_p95"])

    def arrives(check: int, *, away: bool) -> dict[str, dict[str, float]]:
        both = dict.fromkeys(("a", "b"), 100.0 + 75 * check)
        bucket = {"a": both["a"]} if away else both
        return {"total": both, "within_target": bucket, "within_trigger": bucket}

    found = [counts.since(arrives(check, away=check in (3, 4)), at=15 * check) for check in range(8)]
    assert sum(found, Counts()) == Counts(7 * 150, 0, 0)
    assert all(count.over_target == 0 for count in found)
    gone = [counts.since(arrives(check, away=True), at=15 * check) for check in range(8, 12)]
    assert "series of within_target are missing" in gone[2].odd


def test_a_bucket_that_does_not_rise_waits_for_one_reading() -> None:
    def arrives(total: float, within: float) -> dict[str, dict[str, float]]:
        bucket = {'bucket{instance="a",le="2"}': within}
        return {"total": {'count{instance="a"}': total}, "within_target": bucket, "within_trigger": bucket}

    counts = MetricCounts(METRICS["latency_p95"])
    readings = [(100, 100), (175, 100), (250, 250), (325, 250), (400, 250), (475, 250)]
    found = [counts.since(arrives(*reading), at=15 * number) for number, reading in enumerate(readings)]
    assert found[1:3] == [Counts(), Counts(150, 0, 0)], "it was late"
    assert found[3:5] == [Counts(), Counts(150, 150, 150)], "all are slow"
    assert found[5] == Counts(), "one check later than it is"


def test_errors_under_a_new_name_are_not_counted_again() -> None:
    counts = MetricCounts(METRICS["error_rate"])
    for check in range(3):
        counts.since(errors({"a": 75 * check}, {"a5": 3}), at=15 * check)
    assert counts.since(errors({"a,zone=z": 225}, {"a5,zone=z": 3}), at=45) == Counts(75, 0, 0)


def test_a_breach_is_seen_whenever_it_happened() -> None:
    def seen(*values: float | None) -> list[float]:
        counts = MetricCounts(METRICS["session_isolation"])
        readings: list[dict[str, float]] = [{} if value is None else {"a": value} for value in values]
        return [
            counts.since({"over_trigger": reading}, at=15 * number).over_trigger
            for number, reading in enumerate(readings)
        ]

    assert seen(0, 0, 1) == [0, 0, 1]
    assert seen(1, 1) == [1, 0], "it is older than the bake"
    assert seen(None, None, 1, 1) == [0, 0, 1, 0], "the collector dropped the first value"
    assert seen(0, 1, 0, 0) == [0, 1, 0, 0], "the instance began again"
    assert seen(None, 5000) == [0, 5000], "however many"


def test_breaches_of_counters_that_are_none_still_count() -> None:
    counts = MetricCounts(METRICS["session_isolation"])
    found = [
        counts.since({"over_trigger": {"a": 3000 if check % 2 else 1000}}, at=15 * check)
        for check in range(9)
    ]
    assert sum(count.over_trigger for count in found) >= 3000
    assert not any(count.odd for count in found)


part = st.dictionaries(
    st.sampled_from(['n{instance="a"}', 'n{instance="b"}', 'n{instance="b",zone="z"}']),
    st.one_of(st.integers(0, 300), st.sampled_from([10.0**6, math.inf, -1.0])),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    arrived=st.lists(st.tuples(part, part, part), min_size=1, max_size=30),
    key=st.sampled_from(sorted(METRICS)),
)
def test_whatever_arrives_becomes_counts_that_are_possible(arrived: list[Parts], key: str) -> None:
    counts = MetricCounts(METRICS[key])
    names = list(queries(METRICS[key]))
    for number, parts in enumerate(arrived):
        found = counts.since(dict(zip(names, parts, strict=False)), at=15 * number, pace=1)
        if METRICS[key].kind != "level":
            assert min(found.total, found.over_target, found.over_trigger) >= 0
        if METRICS[key].kind in ("share", "quantile"):
            assert found.is_possible
