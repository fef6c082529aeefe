"""The deployment checklist says what the record and the services show, and nothing without evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from slipway.analysis.post_deployment import LiveState, deployment_checklist
from slipway.analysis.verdict import Finding, Verdict
from slipway.paths import INCLUDE
from slipway.policy.release import Policy, load_policy
from slipway.policy.section import stated
from slipway.release.monitoring_files import read_alerts

REVISIONS = {"web": "web-new"}
LIVE = {"web": LiveState({"web-new": 100}, True)}


def finding(metric: str, verdict: Verdict = Verdict.PROMOTE, *, advisory: bool = False) -> Finding:
    return Finding(metric, verdict, f"{metric}: {verdict}", 1.0, 10, advisory=advisory)


@dataclass(frozen=True)
class Gate:
    """The decision at the end of a phase."""

    verdict: Verdict = Verdict.PROMOTE
    findings: Sequence[Finding] = ()


CANARY = Gate()
FULL = Gate(
    findings=[
        finding("cost_reduction"),
        finding("latency_p95"),
        finding("websocket_event_latency", Verdict.HOLD, advisory=True),
        finding("session_isolation"),
    ],
)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("release.yaml")


@pytest.fixture(scope="module")
def alerts(policy: Policy) -> set[str]:
    """The alerts of the repository."""
    return read_alerts(INCLUDE / stated(policy.checklist.alerts, "alerts").directory)


def failed(policy: Policy, alerts: set[str], **changed: Any) -> dict[str, str]:
    given: dict[str, Any] = {"canary": CANARY, "full": FULL, "live": LIVE, "revisions": REVISIONS}
    lines = deployment_checklist(policy, **(given | {"alerts": alerts} | changed))
    return {line.title: line.reason for line in lines if line.passed is False}


def test_a_release_in_order_leaves_one_line_to_a_person(policy: Policy, alerts: set[str]) -> None:
    lines = deployment_checklist(policy, CANARY, FULL, LIVE, REVISIONS, alerts)
    assert [line.part for line in lines] == ["during"] * 5 + ["post"] * 5
    assert [line.title for line in lines if line.passed is None] == ["Documentation updated"]
    assert failed(policy, alerts) == {}
    assert str(lines[0]) == "✓ Canary deployment successful: the canary's gate: promote"


def test_nothing_on_record_is_nothing_fulfilled(policy: Policy) -> None:
    found = failed(policy, set(), canary=None, full=None, live={"web": LiveState({"web-old": 100}, False)})
    assert len(found) == 9
    assert found["Canary deployment successful"] == "the canary's gate: nothing on record"
    assert found["Monitoring alerts configured"].startswith("not there: token_optimization_failure_rate")
    assert found["Full traffic migration successful"] == "not on the new revision alone: web"
    assert found["All services healthy"] == "not ready: web"
    assert found["Success metrics captured"] == "nothing on record"


def test_a_metric_that_is_not_promoted_fails_its_line_alone(policy: Policy, alerts: set[str]) -> None:
    findings = [*FULL.findings[1:], finding("cost_reduction", Verdict.HOLD)]
    found = failed(policy, alerts, full=Gate(findings=findings))
    assert found == {
        "Business metrics tracking active": "cost_reduction: hold",
        "Business value delivery confirmed": "cost_reduction: hold",
    }
