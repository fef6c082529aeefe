"""Policy: the validation of a version in staging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from slipway.policy.section import Percent, Seconds, Section

SuiteName = Literal["mission_critical", "integration", "e2e"]


class Suite(Section):
    """A staging test suite: a folder of pytest files below ``include/``.

    :param timeout_seconds: bound for the whole suite.
    :param minimum_pass_percent: tests that must pass; left out, what all suites must reach.
    :param job: Cloud Run job that runs it; left out, a process on the worker does.
    """

    path: str
    timeout_seconds: Seconds
    minimum_pass_percent: Percent | None = None
    job: str | None = None


class Band(Section):
    """A closed range of percents."""

    minimum: Percent
    maximum: Percent

    @model_validator(mode="after")
    def _in_order(self) -> Band:
        if self.minimum >= self.maximum:
            raise ValueError(f"minimum={self.minimum}: must be below maximum={self.maximum}")
        return self


class LoadEvidence(Section):
    """What a load test must have been, so that it shows something. Less is inconclusive, never a pass.

    :param ramp_up_seconds: of the load's duration, until all users work, in s.
    :param minimum_requests_percent: of the requests planned for a user, by the user who made the fewest.
    :param minimum_isolation_checks_per_hour: answers and events that were checked for another user's session.
    :param maximum_generator_cpu_percent: processor time of the load generator, of one core.
    :param maximum_generator_lateness_ms: P95 of how late the generator is itself, in ms.
    :param maximum_clock_difference_ms: between the platform and the load generator, in ms.
    :param attempts: an inconclusive load test is run so often in all.
    """

    ramp_up_seconds: Seconds
    minimum_requests_percent: Percent
    minimum_isolation_checks_per_hour: Annotated[float, Field(ge=1)]
    maximum_generator_cpu_percent: Percent
    maximum_generator_lateness_ms: Annotated[float, Field(gt=0)]
    maximum_clock_difference_ms: Annotated[float, Field(gt=0)] = 1000
    attempts: Annotated[int, Field(ge=1, le=5)] = 1


class MemoryGrowth(Section):
    """How much an instance's memory may grow.

    :param maximum_mib: growth allowed in ``per_seconds``, in MiB.
    :param per_seconds: time in which it is allowed, in s.
    :param warm_up_seconds: left out at the begin of the load, in s.
    :param confidence_percent: of the slope's interval.
    :param minimum_readings: fewer of an instance after the warm-up show nothing.
    """

    maximum_mib: Annotated[float, Field(gt=0)]
    per_seconds: Seconds
    warm_up_seconds: Annotated[float, Field(ge=0)]
    confidence_percent: Annotated[float, Field(gt=50, lt=100)]
    minimum_readings: Annotated[int, Field(ge=32)]

    @property
    def maximum_mib_per_hour(self) -> float:
        """Return the slope allowed, in MiB an hour."""
        return 3600 * self.maximum_mib / self.per_seconds


class LoadTest(Section):
    """Staging's load test and its limits.

    :param requests_per_second: of all users together.
    :param duration_seconds: how long it lasts.
    :param evidence: what it must have been, judged first.
    :param maximum_failure_percent: of all requests, and of each endpoint's.
    :param maximum_latency_p95_ms: P95 of the time from a request's being due to its answer, in ms.
    :param maximum_cost_tracking_seconds: an answer is in the user's costs at the latest so long after it.
    :param maximum_event_latency_ms: P95 of an event's time from the platform to the user, in ms.
    :param job: Cloud Run job whose tasks generate the load; left out, a process on the worker does.
    :param job_tasks: tasks of the job, each of which has its share of the users.
    """

    locustfile: str
    users: Annotated[int, Field(ge=1, le=100_000)]
    requests_per_second: Annotated[float, Field(gt=0)] = 100
    duration_seconds: Seconds
    evidence: LoadEvidence
    maximum_failure_percent: Percent
    maximum_latency_p95_ms: Annotated[float, Field(gt=0)]
    cost_reduction_percent: Band
    minimum_cost_accuracy_percent: Percent
    maximum_cost_tracking_seconds: Seconds
    maximum_event_latency_ms: Annotated[float, Field(gt=0)]
    memory: MemoryGrowth
    job: str | None = None
    job_tasks: Annotated[int, Field(ge=1, le=100)] = 1

    @property
    def planned_requests_per_user(self) -> float:
        """Return how many requests a user makes in the whole load, on average."""
        return self.requests_per_second * self.duration_seconds / self.users

    @model_validator(mode="after")
    def _users_for_each_task(self) -> LoadTest:
        if self.job_tasks > 1 and self.job is None:
            raise ValueError(f"job_tasks={self.job_tasks}: needs job, the Cloud Run job that has these tasks")
        if self.job_tasks > self.users:
            raise ValueError(f"job_tasks={self.job_tasks}: must be at most users={self.users}")
        return self

    @model_validator(mode="after")
    def _warm_in_time(self) -> LoadTest:
        if self.memory.warm_up_seconds >= self.duration_seconds:
            raise ValueError(
                f"memory.warm_up_seconds={self.memory.warm_up_seconds:g}: must be below"
                f" duration_seconds={self.duration_seconds:g}"
            )
        return self


class StagingValidation(Section):
    """Phase 1: the tests that run in staging, and the share of them that must pass.

    :param suites: by key, ``mission_critical``, ``integration`` or ``e2e``; one that is left out is not run.
    :param load_test: left out, staging is not loaded.
    :param documents: environment variable of the tests to configuration document, given as JSON.
    :param job_results: folder of a bucket, ``gs://bucket/folder``, where Cloud Run jobs leave what they find;
        required where a suite or the load test names a job.
    """

    timeout_seconds: Seconds
    minimum_pass_percent: Percent
    documents: Mapping[str, str] = {}
    suites: Mapping[str, Suite] = {}
    load_test: LoadTest | None = None
    job_results: Annotated[str, Field(pattern=r"^gs://[^/]+(/[^/]+)*$")] | None = None

    @model_validator(mode="after")
    def _results_of_jobs(self) -> StagingValidation:
        parts = {f"suites.{key}": suite.job for key, suite in self.suites.items()}
        parts |= {"load_test": self.load_test.job} if self.load_test else {}
        if self.job_results is None:
            for part, job in parts.items():
                if job is not None:
                    raise ValueError(f"{part}.job={job}: needs job_results, where the job leaves its results")
        return self

    def required_percent(self, suite: str) -> float:
        """Return the share of a suite's tests that must pass.

        :param suite: key of the suite.
        """
        own = self.suites[suite].minimum_pass_percent
        return self.minimum_pass_percent if own is None else own
