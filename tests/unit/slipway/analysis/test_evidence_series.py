"""What a plot of the evidence shows is what is on record."""

from __future__ import annotations

from itertools import pairwise

import pytest
from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.evidence_series import GrowingSeries, Series, series_of
from slipway.policy.release import Policy, load_policy


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("release.yaml")


def recorded(policy: Policy) -> dict[str, Series]:
    """Forty checks, the last twenty with errors; the sixth was not answered."""
    record = EvidenceRecord("canary", list(policy.metrics))
    for check in range(40):
        if check == 5:
            record.add_unanswered("timed out", at=check * 15)
            continue
        bad = 5 if check >= 20 else 0
        canary = {"error_rate": Counts(50, bad, bad), "websocket_connection": Counts(50, 1, 1)}
        canary |= {"cost_reduction": Counts(1.0, 0.8), "memory": Counts(1, 0.4 + check / 1000, 0)}
        canary |= {"session_isolation": Counts(1, 0, float(check == 30))}
        record.add(canary, {"error_rate": Counts(450)}, at=check * 15)
    return {series.key: series for series in series_of(record, policy)}


def test_a_share_is_that_of_the_last_minutes_with_its_interval(policy: Policy) -> None:
    errors = recorded(policy)["error_rate"]
    assert (errors.target, errors.trigger, errors.unit) == (0.1, 1, "% bad of requests, last 600 s")
    assert len(errors.canary) == 39
    assert [point.value for point in errors.canary[:5]] == [0] * 5
    # Forty checks of 15 s are the window, one was not answered: twenty of thirty-nine are bad.
    share = 100 * 5 * 20 / (50 * 39)
    assert errors.canary[-1].value == pytest.approx(share)
    assert errors.canary[-1].low < share < errors.canary[-1].high
    assert errors.stable[-1].value == 0


def test_a_success_rate_a_band_a_level_and_a_count(policy: Policy) -> None:
    found = recorded(policy)
    assert found["websocket_connection"].canary[-1].value == pytest.approx(98)
    assert found["cost_reduction"].band == (15, 25)
    assert found["cost_reduction"].canary[-1].value == pytest.approx(20)
    assert found["memory"].target == 0.9
    assert found["memory"].canary[-1].value == pytest.approx(0.439)
    assert [point.value for point in found["session_isolation"].canary][-1] == 1
    assert found["latency_p95"].canary == []


def test_of_many_moments_so_many_are_kept_evenly_spread_with_the_newest(policy: Policy) -> None:
    growing = GrowingSeries(["error_rate"], policy, moments=60)
    for check in range(1, 400):
        growing.add(15.0 * check, {"error_rate": Counts(10)}, {"error_rate": Counts(90)})
        (errors,) = growing.series()
        moments = [point.at / 15 for point in errors.canary]
        assert min(30, check) <= len(moments) <= 60
        assert moments[0] == 1
        assert moments[-1] == check
        assert len({later - earlier for earlier, later in pairwise(moments[:-1])}) <= 1
    assert [point.at for point in errors.stable] == [point.at for point in errors.canary]
