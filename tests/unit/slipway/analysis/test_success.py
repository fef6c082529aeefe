"""A criterion of success is met on evidence, missed on evidence, and open without."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.analysis.post_deployment import ChecklistLine
from slipway.analysis.success import Shown, judge_success
from slipway.analysis.verdict import Finding, Verdict
from slipway.exceptions import PolicyError
from slipway.policy.release import load_policy, parse_policy
from slipway.policy.success import Success, SuccessCriterion

GOOD = Finding("errors", Verdict.PROMOTE, "0.05 % of requests", 0.05, 1000)
BAD = Finding("errors", Verdict.ROLLBACK, "5 % of requests", 5.0, 1000)
UNSEEN = Finding("errors", Verdict.HOLD, "no requests", None, 0)
HEALTHY = {"All services healthy": ChecklistLine("post", "All services healthy", True, "web is ready")}


@pytest.mark.parametrize(
    ("criterion", "shown", "met"),
    [
        ({"metrics": ("errors",)}, Shown(findings={"errors": GOOD}), True),
        ({"metrics": ("errors",)}, Shown(findings={"errors": BAD}), False),
        ({"metrics": ("errors",)}, Shown(findings={"errors": UNSEEN}), None),
        ({"metrics": ("errors",)}, Shown(), None),
        ({"suites": ("e2e",)}, Shown(suites={"e2e": (True, "9 of 9")}), True),
        ({"suites": ("e2e",)}, Shown(suites={"e2e": (False, "1 of 9")}), False),
        ({"lines": ("All services healthy",)}, Shown(lines=HEALTHY), True),
        ({"items": ("dashboards",)}, Shown(lines=HEALTHY), None),
        ({"served_throughout": True}, Shown(shifts=[(True, "all answered")]), True),
        ({"served_throughout": True}, Shown(shifts=[(True, "all"), (False, "503")]), False),
        ({"served_throughout": True}, Shown(), None),
        ({"metrics": ("errors",), "suites": ("e2e",)}, Shown(findings={"errors": GOOD}), None),
        ({"metrics": ("errors",), "suites": ("e2e",)}, Shown(findings={"errors": BAD}), False),
        ({}, Shown(), None),
    ],
)
def test_no_evidence_never_meets_a_criterion(
    criterion: dict[str, Any], shown: Shown, met: bool | None
) -> None:
    success = Success(quality=(SuccessCriterion(title="Error rates", **criterion),))
    (judged,) = judge_success(success, shown)
    assert (judged.area, judged.title, judged.met) == ("quality", "Error rates", met)
    assert judged.evidence


def test_the_policy_has_the_strategys_twelve_criteria_and_refuses_what_is_not_measured() -> None:
    policy = load_policy("release.yaml")
    assert [len(criteria) for criteria in policy.success.by_area.values()] == [4, 4, 4]
    document = policy.model_dump(mode="json")
    document["success"]["technical"][0]["metrics"] = ["eror_rate"]
    with pytest.raises(
        PolicyError, match=r"success.technical: Zero-downtime.*eror_rate is not one of error_rate"
    ):
        parse_policy(document, source="of the test")
