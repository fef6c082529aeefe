"""A part of staging's validation that a Cloud Run job runs says where the job leaves what it found."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.exceptions import PolicyError
from slipway.policy.release import Policy, load_policy, parse_policy


def policy(*, load_test: dict[str, Any] | None = None, **validation: Any) -> Policy:
    """The strategy's policy, with these fields of its validation and of its load test."""
    document = load_policy("release.yaml").model_dump(mode="json")
    document["staging_validation"] |= validation
    document["staging_validation"]["load_test"] |= load_test or {}
    return parse_policy(document, source="x")


def test_a_process_runs_what_names_no_job() -> None:
    validation = policy().validation
    assert [suite.job for suite in validation.suites.values()] == [None, None, None]
    assert policy().load_test.job is None


@pytest.mark.parametrize(
    ("load_test", "validation", "message"),
    [
        ({"job": "load"}, {}, r"load_test\.job=load: needs job_results"),
        ({}, {"suites": {"e2e": {"path": "e2e", "timeout_seconds": 1, "job": "tests"}}}, r"suites\.e2e\.job"),
        ({}, {"job_results": "bucket/results"}, "job_results"),
        ({"job_tasks": 2}, {}, "job_tasks=2: needs job"),
        ({"job": "load", "job_tasks": 20, "users": 10}, {"job_results": "gs://a"}, "at most users=10"),
    ],
)
def test_a_job_needs_what_it_works_with(
    load_test: dict[str, Any], validation: dict[str, Any], message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        policy(load_test=load_test, **validation)


def test_a_load_test_may_be_a_job_of_several_tasks() -> None:
    made = policy(load_test={"job": "load", "job_tasks": 4}, job_results="gs://reports/validation")
    assert (made.load_test.job_tasks, made.validation.job_results) == (4, "gs://reports/validation")
