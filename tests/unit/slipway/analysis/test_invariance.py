"""What must not change a verdict: the order of intervals, how they are split, the names of instances.

Time is cut into blocks, and within a block all of it is exact. Across blocks it is not, and that is tested
too: a fresh start between two blocks makes their order matter, and the limit on a block's gain makes it
matter to which block an event belongs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.counts import Counts, Increments
from slipway.analysis.statistics.evalues import WorseThanStable
from slipway.analysis.statistics.worse_than import WorseThan
from slipway.policy.release import Policy, load_policy

Interval = tuple[int, int]

intervals = st.lists(
    st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=12
)


def worse(counts: Sequence[Interval], *, at: float = 0.0) -> float:
    test = WorseThan(0.003, log_threshold=math.log(200), restart_every=60, burst=45, horizon=3600)
    for bad, total in counts:
        test.add(bad, total, at=at)
    return float(test.log_e)


@settings(max_examples=60, deadline=None)
@given(counts=intervals, data=st.data())
def test_the_order_of_intervals_between_fresh_starts_does_not_matter(
    counts: list[Interval], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(counts))
    assert worse(shuffled) == pytest.approx(worse(counts), rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(counts=intervals, data=st.data())
def test_intervals_of_a_block_may_be_split(counts: list[Interval], data: st.DataObject) -> None:
    split = []
    for bad, total in counts:
        first = data.draw(st.integers(0, total))
        part = data.draw(st.integers(max(0, bad - (total - first)), min(bad, first)))
        split += [(part, first), (bad - part, total - first)]
    assert worse(split) == pytest.approx(worse(counts), rel=1e-9, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(bad=st.lists(st.integers(0, 20), min_size=4, max_size=24), every=st.sampled_from([1, 3, 5, 15]))
def test_the_number_of_checks_does_not_change_the_evidence_of_whole_blocks(
    bad: list[int], every: int
) -> None:
    def log_e(seconds: int) -> float:
        test = WorseThan(0.003, log_threshold=math.log(200), restart_every=60, burst=45, horizon=3600)
        for block, count in enumerate(bad):
            checks = 15 // seconds
            for check in range(checks):
                share = count // checks + (1 if check < count % checks else 0)
                test.add(share, 60 * seconds, at=15 * block + (check + 1) * seconds)
        return float(test.log_e)

    assert log_e(every) == pytest.approx(log_e(15), rel=1e-9, abs=1e-9)


def test_a_burst_counts_less_in_one_block_than_spread_over_two() -> None:
    one = WorseThan(0.003, log_threshold=math.log(200), restart_every=60, burst=45, horizon=3600)
    one.add(20, 200, at=15)
    one.add(0, 200, at=30)
    two = WorseThan(0.003, log_threshold=math.log(200), restart_every=60, burst=45, horizon=3600)
    two.add(10, 200, at=15)
    two.add(10, 200, at=30)
    assert float(one.log_e) < float(two.log_e)


def test_a_fresh_start_makes_later_evidence_count_more() -> None:
    def at_two_moments(first: Interval, second: Interval) -> float:
        test = WorseThan(0.003, log_threshold=math.log(200), restart_every=60, burst=45, horizon=3600)
        test.add(*first, at=0)
        test.add(*second, at=600)
        return float(test.log_e)

    assert at_two_moments((0, 2000), (5, 200)) > at_two_moments((5, 200), (0, 2000))


@settings(max_examples=60, deadline=None)
@given(counts=intervals, data=st.data())
def test_the_comparison_with_stable_does_not_depend_on_order(
    counts: list[Interval], data: st.DataObject
) -> None:
    def relative(pairs: Sequence[Interval]) -> float:
        test = WorseThanStable(log_threshold=5, restart_every=60, burst=45, horizon=3600)
        for bad, total in pairs:
            test.add(bad, total, 3, 1000, at=0)
        return float(test.log_e)

    assert relative(data.draw(st.permutations(counts))) == pytest.approx(relative(counts), rel=1e-9, abs=1e-9)


#: Requests of up to four instances in up to eight intervals; None is a restart of the instance.
served = st.lists(
    st.lists(st.one_of(st.none(), st.integers(0, 50)), min_size=4, max_size=4), min_size=1, max_size=8
)


def readings(intervals_of: Sequence[Sequence[int | None]], names: Sequence[str]) -> list[dict[str, float]]:
    counters, found = dict.fromkeys(names, 0.0), []
    for interval in intervals_of:
        for name, events in zip(names, interval, strict=True):
            counters[name] = 0.0 if events is None else counters[name] + events
        found.append(dict(counters))
    return found


@settings(max_examples=60, deadline=None)
@given(interval_counts=served, names=st.permutations(["a", "b", "c", "d"]))
def test_the_names_of_instances_do_not_matter(
    interval_counts: list[list[int | None]], names: list[str]
) -> None:
    first, second = Increments(), Increments()
    plain, renamed = readings(interval_counts, "abcd"), readings(interval_counts, names)
    assert [first.since(r) for r in plain] == [second.since(r) for r in renamed]


@settings(max_examples=60, deadline=None)
@given(
    interval_counts=st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=2, max_size=8),
    keep=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_a_reading_left_out_is_covered_by_the_next(
    interval_counts: list[list[int]], keep: list[bool]
) -> None:
    every, some = Increments(), Increments()
    found = readings(interval_counts, "abcd")
    total = sum(every.since(r) for r in found)
    chosen = [r for r, kept in zip(found[:-1], keep, strict=False) if kept] + found[-1:]
    assert sum(some.since(r) for r in chosen) == total


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("release.yaml")


def test_metrics_may_come_in_any_order(policy: Policy) -> None:
    def reason(keys: Sequence[str]) -> str:
        analysis = BakeAnalysis(policy, bake_seconds=600, extension_seconds=0, phase="canary")
        for check in range(1, 20):
            canary = {
                key: Counts(100, 9 if key == "error_rate" else 0, 9 if key == "error_rate" else 0)
                for key in keys
            }
            analysis.add(canary, {key: Counts(900) for key in keys}, at=15.0 * check)
        return analysis.decision(at=285).reason

    keys = list(policy.metrics)
    assert reason(keys) == reason(keys[::-1])
