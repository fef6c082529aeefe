"""Policy: the validation of a version in staging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from slipway.policy.section import Percent, Seconds, Section


class Suite(Section):
    """A staging test suite: a folder of pytest files below ``include/``."""

    path: str
    timeout_seconds: Seconds


class Band(Section):
    """A closed range of percents."""

    minimum: Percent
    maximum: Percent

    @model_validator(mode="after")
    def _in_order(self) -> Band:
        if self.minimum >= self.maximum:
            raise ValueError(f"minimum={self.minimum}: must be below maximum={self.maximum}")
        return self


class LoadTest(Section):
    """Staging's load test and its limits."""

    locustfile: str
    users: Annotated[int, Field(ge=1, le=100_000)]
    duration_seconds: Seconds
    maximum_failure_percent: Percent
    cost_reduction_percent: Band
    minimum_cost_accuracy_percent: Percent
    maximum_event_latency_ms: Annotated[float, Field(gt=0)]
    maximum_memory_growth_percent: Annotated[float, Field(ge=0)]


class StagingValidation(Section):
    """Phase 1: the tests that run in staging, and the share of them that must pass.

    :param documents: environment variable of the tests to configuration document, given as JSON.
    """

    timeout_seconds: Seconds
    minimum_pass_percent: Percent
    documents: Mapping[str, str] = {}
    suites: Mapping[str, Suite]
    load_test: LoadTest
