"""A phase states what it can see, and one that is blind is extended or held."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from slipway.analysis.statistics.evalues import BetterThan
from slipway.analysis.statistics.power import events_needed, forecast, healthy_share, sight
from slipway.analysis.statistics.share_test import Limits
from slipway.policy.release import Policy, load_policy

ERRORS = Limits(0.001, 0.01, 0.00316)


def policy(**changed: Any) -> Policy:
    loaded = load_policy("release.yaml")
    return loaded.model_copy(update={"decision": loaded.decision.model_copy(update=changed)})


def rates(requests: float) -> dict[str, float]:
    return dict.fromkeys(policy().metrics, requests)


def test_more_traffic_sees_smaller_regressions() -> None:
    smallest = [sight(policy(), "canary", "error_rate", rate).smallest_percent for rate in (0.1, 1, 10)]
    assert None not in smallest
    assert smallest == sorted(smallest, reverse=True)  # type: ignore[type-var]
    assert smallest[-1] == pytest.approx(1, abs=0.3)


def test_without_traffic_nothing_is_seen() -> None:
    seen = sight(policy(), "canary", "error_rate", 0)
    assert seen.smallest_percent is None
    assert seen.seconds_needed == math.inf
    assert not seen.sees_trigger


def test_the_needed_events_prove_a_healthy_release_as_often_as_stated() -> None:
    events = events_needed(ERRORS, wanted=0.8, evidence=20, healthy=healthy_share(ERRORS))
    bad = np.random.default_rng(4).binomial(events, ERRORS.target, 4000)
    test = BetterThan(ERRORS.trigger, shape=bad.shape)
    test.add(bad, np.full(bad.shape, events))
    assert float((test.log_e >= math.log(20)).mean()) == pytest.approx(0.8, abs=0.1)


def test_a_blind_phase_is_extended_as_far_as_it_may_be_and_otherwise_held() -> None:
    assert forecast(policy(), "canary", rates(10)).action == "start"
    needed = events_needed(ERRORS, wanted=0.8, evidence=20, healthy=healthy_share(ERRORS))
    enough_when_extended = needed / 4500
    made = forecast(policy(), "canary", rates(10) | {"error_rate": enough_when_extended})
    assert made.action == "extend"
    assert made.seconds == pytest.approx(4500)
    assert (
        forecast(
            policy(when_underpowered="hold"), "canary", rates(10) | {"error_rate": enough_when_extended}
        ).action
        == "hold"
    )
    assert forecast(policy(), "canary", rates(10) | {"error_rate": 0.01}).action == "hold"
    assert forecast(policy(), "canary", {}).action == "hold"


def test_a_release_as_good_as_stable_is_told_sooner_but_never_later() -> None:
    usual = sight(policy(), "canary", "latency_p95", 10)
    good = sight(policy(), "canary", "latency_p95", 10, 0.0005)
    bad = sight(policy(), "canary", "latency_p95", 10, 0.2)
    assert good.seconds_needed < usual.seconds_needed / 3
    assert bad == usual
    assert forecast(policy(), "canary", rates(0.05), dict.fromkeys(policy().metrics, 0.0)).action == "hold"


def test_what_a_flag_has_switched_off_at_stable_holds_no_phase() -> None:
    off = {key: rate for key, rate in rates(10).items() if not key.startswith("optimization")}
    assert forecast(policy(), "canary", off).action == "start"
    without_requests = {key: rate for key, rate in rates(10).items() if key != "error_rate"}
    assert forecast(policy(), "canary", without_requests).action == "hold"


def test_what_is_seen_is_plain_data_even_without_traffic() -> None:
    payload = sight(policy(), "canary", "error_rate", 0).as_payload()
    assert payload["seconds_needed"] is None
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload


def test_the_line_names_what_is_caught_and_what_is_not_seen() -> None:
    line = forecast(policy(), "canary", rates(10) | {"error_rate": 0.01}).line(policy())
    assert line.startswith("caught with 80 % probability: Error rate from ")
    assert " % on of 36 events (blind: the proof needs " in line
    nothing = forecast(policy(), "canary", {}).line(policy())
    assert "Error rate no regression of 0 events (nothing is served now to tell from)" in nothing


def test_a_metric_without_chance_has_no_power() -> None:
    with pytest.raises(TypeError, match="metric session_isolation: kind zero has no power"):
        sight(policy(), "canary", "session_isolation", 1)
