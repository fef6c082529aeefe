"""A phase states what it can detect, and one that detects too little is extended or held."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from slipway.analysis.method import CURRENT
from slipway.analysis.statistics import power
from slipway.analysis.statistics.power import (
    DetectionPower,
    Forecast,
    detection_power,
    events_needed,
    forecast,
    healthy_share,
    smallest_detectable,
)
from slipway.analysis.statistics.share_test import Limits, better_than_trigger
from slipway.policy.release import Policy, load_policy

ERRORS = Limits(0.001, 0.01, 0.00316)


RELEASE = load_policy("release.yaml")


def policy(**changed: Any) -> Policy:
    return RELEASE.model_copy(update={"decision": RELEASE.decision.model_copy(update=changed)})


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the simulation where a test is about what does not depend on it."""
    monkeypatch.setattr(power, "smallest_detectable", lambda *_, **__: 0.02)


def rates(requests: float) -> dict[str, float]:
    return dict.fromkeys(policy().metrics, requests)


def test_more_traffic_detects_smaller_regressions() -> None:
    smallest = [
        detection_power(policy(), "canary", "error_rate", rate).smallest_percent for rate in (0.1, 10)
    ]
    assert None not in smallest
    assert smallest == sorted(smallest, reverse=True)  # type: ignore[type-var]
    assert smallest[-1] == pytest.approx(1, abs=0.3)


def test_without_traffic_nothing_is_detected() -> None:
    seen = detection_power(policy(), "canary", "error_rate", 0)
    assert seen.smallest_percent is None
    assert seen.seconds_needed == math.inf
    assert not seen.sees_trigger


def test_the_needed_events_prove_a_healthy_release_as_often_as_stated() -> None:
    events = events_needed(ERRORS, required=0.8, evidence=20, healthy=healthy_share(ERRORS))
    bad = np.random.default_rng(4).binomial(events, ERRORS.target, 4000)
    test = better_than_trigger(ERRORS, evidence=20, method=CURRENT, shape=bad.shape)
    test.add(bad, np.full(bad.shape, events))
    assert float((test.log_e >= math.log(20)).mean()) == pytest.approx(0.8, abs=0.1)


@pytest.mark.usefixtures("simulated")
def test_an_underpowered_phase_is_extended_as_far_as_it_may_be_and_otherwise_held() -> None:
    assert forecast(policy(), "canary", rates(10)).action == "start"
    needed = events_needed(ERRORS, required=0.8, evidence=20, healthy=healthy_share(ERRORS))
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


@pytest.mark.usefixtures("simulated")
def test_a_release_as_good_as_stable_is_proven_sooner_but_never_later() -> None:
    usual = detection_power(policy(), "canary", "latency_p95", 10)
    good = detection_power(policy(), "canary", "latency_p95", 10, 0.0005)
    bad = detection_power(policy(), "canary", "latency_p95", 10, 0.2)
    assert good.seconds_needed < usual.seconds_needed / 3
    assert bad == usual
    assert forecast(policy(), "canary", rates(0.05), dict.fromkeys(policy().metrics, 0.0)).action == "hold"


@pytest.mark.usefixtures("simulated")
def test_a_metric_that_a_flag_switches_off_at_stable_holds_no_phase() -> None:
    off = {key: rate for key, rate in rates(10).items() if not key.startswith("optimization")}
    assert forecast(policy(), "canary", off).action == "start"
    without_requests = {key: rate for key, rate in rates(10).items() if key != "error_rate"}
    assert forecast(policy(), "canary", without_requests).action == "hold"


@pytest.mark.usefixtures("simulated")
def test_the_forecast_says_how_probably_the_traffic_promotes_a_good_release() -> None:
    promoted = [
        detection_power(policy(), "canary", "error_rate", rate, 0.0005).promoted_percent
        for rate in (0.03, 0.1, 10)
    ]
    assert promoted[0] < 5
    assert 85 < promoted[1] < 98
    assert promoted[2] > 99


def test_detection_power_is_plain_data_even_without_traffic() -> None:
    payload = detection_power(policy(), "canary", "error_rate", 0).as_payload()
    assert payload["seconds_needed"] is None
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload


def test_the_line_states_what_is_detectable_and_what_is_missing() -> None:
    def line(metric: str, **changed: Any) -> str:
        shown = DetectionPower(metric, 3600, 1.0, 3000, sees_trigger=True)
        return Forecast([replace(shown, **changed)], "start", 3600).line(policy())

    likely = line("error_rate", promoted_percent=93.4)
    assert likely.endswith("(3,600 requests expected; a good release is promoted with 93 % probability)")
    beginning = "Detectable with 80 % probability: "
    assert line("error_rate") == f"{beginning}Error rate ≥ 1 % (3,600 requests expected)"
    short = line("error_rate", seconds_needed=5400, sees_trigger=False)
    assert short.endswith("Error rate ≥ 1 % (3,600 requests expected; not enough, 5,400 s needed)")
    nothing = line("error_rate", events=0, smallest_percent=None, seconds_needed=math.inf, sees_trigger=False)
    assert nothing.endswith("Error rate at no level (0 requests expected; no traffic)")
    assert line("optimization_success", smallest_percent=14.5).endswith(
        "Token optimization success ≤ 85.5 % (3,600 attempts expected)"
    )
    assert line("latency_p95", smallest_percent=5).endswith(
        "Latency P95 ≥ 5 % over 2 s (3,600 requests expected)"
    )


def test_the_same_question_is_simulated_once() -> None:
    smallest_detectable.cache_clear()
    for _ in range(2):
        detection_power(policy(), "canary", "error_rate", 0)
    detection_power(policy(detection_power_percent=90), "canary", "error_rate", 0)
    assert smallest_detectable.cache_info()[:2] == (1, 2)


def test_a_metric_without_chance_has_no_power() -> None:
    with pytest.raises(TypeError, match="metric session_isolation: kind zero has no power"):
        detection_power(policy(), "canary", "session_isolation", 1)
