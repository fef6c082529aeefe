"""A later region takes over what is about the version, and goes on only with all of it."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.analysis.inherited_evidence import is_inherited, judge_evidence
from slipway.policy.release import load_policy

VALIDATION = load_policy("release.yaml").staging_validation


def evidence() -> dict[str, dict[str, Any]]:
    promoted = {"verdict": "promote", "reason": "all well"}
    keys = ("load_test", "configured/production", "database_checked/production", "backed_up/production")
    found: dict[str, dict[str, Any]] = {
        key: {} for key in (*keys, "rehearsed/production", "migrated/production")
    }
    found |= {f"suite/{name}": {} for name in VALIDATION.suites}
    return found | {"gate/staging": promoted, "gate/preparation": promoted}


@pytest.mark.parametrize("key", [*evidence(), "checklist/dashboards"])
def test_what_is_about_the_version_is_handed_on(key: str) -> None:
    assert is_inherited(key)


@pytest.mark.parametrize(
    "key",
    [
        "opened",
        "leased",
        "closed",
        "shifted/canary",
        "baked/canary",
        "evidence/canary",
        "gate/canary",
        "deployed/production/backend",
        "serving/staging",
        "configured/staging",
        "checklist/deployment",
        "rolled_back/traffic",
        "regions",
    ],
)
def test_what_is_about_the_region_is_not(key: str) -> None:
    assert not is_inherited(key)


def test_all_of_it_leads_on_and_names_where_it_is_from() -> None:
    decision = judge_evidence(evidence(), VALIDATION, source="v1-1-0-abc")
    assert decision["verdict"] == "promote"
    assert "release v1-1-0-abc" in decision["reason"]


@pytest.mark.parametrize("key", evidence())
def test_anything_missing_calls_it_off(key: str) -> None:
    found = evidence()
    del found[key]
    decision = judge_evidence(found, VALIDATION, source="v1-1-0-abc")
    assert (decision["verdict"], decision["reason"]) == (
        "rollback",
        f"not on record of release v1-1-0-abc: {key}",
    )


def test_a_gate_that_did_not_promote_calls_it_off() -> None:
    found = evidence() | {"gate/staging": {"verdict": "rollback", "reason": "suite e2e failed"}}
    decision = judge_evidence(found, VALIDATION, source="v1-1-0-abc")
    assert decision["verdict"] == "rollback"
    assert "gate/staging is rollback: suite e2e failed" in decision["reason"]
