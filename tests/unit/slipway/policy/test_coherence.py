"""The parts of a policy fit together, and all but four of them may be left out."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.exceptions import PolicyError
from slipway.policy.release import load_policy, parse_policy

from tests.unit.slipway.on_record import PRODUCTION, STAGING, least_policy

DATABASE = {"instance": "i", "connection": "c"}


def test_a_name_production_a_service_and_phases_are_enough() -> None:
    policy = least_policy()
    assert (policy.items, policy.database_services, policy.rollback_window) == ((), (), None)
    assert policy.notified_via is None
    assert list(policy.metrics) == ["error_rate", "latency_p95", "memory"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"environments": {"staging": STAGING}}, "environments.production.project_id: missing"),
        ({"release_tag": "v{version}"}, "release_tag and git_connection: state both, or neither"),
        (
            {"migrations": {"directory": "x", "services": ["rates"], "assumed_version": "1.0.0",
                            "rehearsal": {"instance": "copy", "connection": "copy"}}},
            "migrations: needs environments.production.database; state both, or neither",
        ),
        (
            {"environments": {"production": {**PRODUCTION, "database": DATABASE}}},
            "environments.production.database: needs migrations; state both, or neither",
        ),
        ({"staging_validation": {}}, "staging_validation: needs environments.staging"),
        (
            {"checklist": {"rollback_drill": {"maximum_age_days": 3}}},
            "checklist.rollback_drill: needs environments.staging",
        ),
        (
            {"checklist": {"business_value": {"customers": 1, "saving_per_customer_usd": 1,
                                              "projection_usd": 1, "cost_usd": 1, "return_percent": 0}}},
            "checklist.business_value: needs staging_validation.load_test",
        ),
    ],
)  # fmt: skip
def test_a_part_needs_what_it_works_with(more: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        least_policy(**more)
    assert message in str(caught.value)


def test_a_service_has_a_name_in_every_environment_and_documents_have_a_prefix() -> None:
    document = load_policy("release.yaml").model_dump(mode="json")
    del document["services"]["auth"]["names"]["staging"]
    with pytest.raises(PolicyError, match=r"services.auth.names: staging missing"):
        parse_policy(document, source="x")
    document = load_policy("release.yaml").model_dump(mode="json")
    document["environments"]["production"]["secret_prefix"] = None
    with pytest.raises(PolicyError, match=r"environments.production.secret_prefix: missing"):
        parse_policy(document, source="x")
