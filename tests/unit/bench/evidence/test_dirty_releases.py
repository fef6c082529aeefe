"""Whatever happens to the evidence on its way, the verdict is the truth's, or the reason is named."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slipway.analysis.verdict import Cause, Verdict
from slipway.policy.release import Policy

from bench.evidence.__main__ import GRACE_SECONDS, Row, failures
from bench.evidence.bake import Ended, bake, bench_policy
from bench.evidence.dirt import KINDS, Dirt
from bench.evidence.world import BAD, GOOD, LOST, Release

kinds = st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=2, unique=True)
seeds = st.integers(0, 1000)


@cache
def short() -> Policy:
    """A quarter of an hour: long enough for every proof at this traffic."""
    policy = bench_policy()
    canary = policy.phases["canary"].model_copy(update={"bake_seconds": 900, "extension_seconds": 300})
    return policy.model_copy(update={"phases": {**policy.phases, "canary": canary}})


@cache
def ended(release: Release, dirts: tuple[str, ...], seed: int) -> Ended:
    return asyncio.run(bake(short(), release, [KINDS[name] for name in dirts], seed=seed))


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(dirts=kinds, seed=seeds)
def test_a_good_release_is_promoted_or_the_reason_is_named(dirts: list[str], seed: int) -> None:
    made = ended(GOOD, tuple(dirts), seed)
    assert made.verdict is not Verdict.ROLLBACK, made.decision.reason
    assert made.verdict is Verdict.PROMOTE or made.named


@settings(max_examples=16, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(dirts=kinds, seed=seeds, release=st.sampled_from(BAD))
def test_a_bad_release_is_rolled_back_in_time_or_the_reason_is_named(
    dirts: list[str], seed: int, release: Release
) -> None:
    made, clean = ended(release, tuple(dirts), seed), ended(release, (), seed)
    assert clean.verdict is Verdict.ROLLBACK
    assert made.verdict is not Verdict.PROMOTE
    in_time = made.decision.seconds <= 2 * clean.decision.seconds + GRACE_SECONDS
    assert made.named or (made.verdict is Verdict.ROLLBACK and in_time)


@pytest.mark.parametrize("name", ["receivers", "two jobs", "balanced"])
def test_what_no_count_can_rest_on_decides_nothing_and_is_named(name: str) -> None:
    for release in (GOOD, *BAD):
        made = ended(release, (name,), 1)
        assert made.verdict is Verdict.HOLD
        assert "no evidence: new revision: " in made.decision.reason


def test_a_pair_of_collectors_counts_once() -> None:
    made = [(ended(release, (name,), 1)) for release in (GOOD, BAD[0]) for name in ("clean", "replicas")]
    assert [(m.verdict, m.decision.seconds) for m in made[::2]] == [
        (m.verdict, m.decision.seconds) for m in made[1::2]
    ]


def test_a_source_later_than_the_policy_says_promotes_nothing_bad() -> None:
    """Four minutes late, and read after one: the verdict is the same, and the rollback is that much later."""
    late = Dirt("240 s late", lambda answers, _: list(answers[max(0, len(answers) - 17)]))
    good, bad = (asyncio.run(bake(short(), release, [late], seed=1)) for release in (GOOD, BAD[0]))
    assert good.verdict is Verdict.PROMOTE
    clean = ended(BAD[0], (), 1).decision.seconds
    assert bad.verdict is Verdict.ROLLBACK
    assert clean < bad.decision.seconds <= clean + 240 + GRACE_SECONDS


def test_a_release_that_loses_requests_is_not_promoted() -> None:
    made = ended(LOST[0], (), 1)
    assert (made.verdict, made.decision.cause) == (Verdict.HOLD, Cause.TOO_LITTLE_TRAFFIC)


def test_the_bench_says_what_must_not_happen() -> None:
    good, bad = ended(GOOD, (), 1), ended(BAD[0], (), 1)
    assert list(failures(Row("clean", GOOD, [good]), Row("clean", GOOD, [good]), allowed=0)) == []
    assert list(failures(Row("x", GOOD, [bad]), Row("clean", GOOD, [good]), allowed=0)) == [
        "1 good releases rolled back"
    ]
    assert list(failures(Row("x", BAD[0], [good]), Row("clean", BAD[0], [bad]), allowed=0)) == [
        "1 bad releases promoted",
        "1 decided later than twice without a reason",
    ]
