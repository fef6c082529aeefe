"""What is built, configured and tested before production serves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from slipway.analysis.load_report import LoadReport
from slipway.ledger.entries.base import InheritableEntry, LedgerEntry
from slipway.ledger.entries.values import (
    ConfigurationChange,
    ServiceState,
    Split,
    TemplateChange,
    listed,
    split_words,
)
from slipway.policy.release import EnvironmentName


class ConfigurationWritten(InheritableEntry):
    """The policy's configuration documents are in Secret Manager, as new versions.

    :param environment: ``staging`` or ``production``.
    :param versions: by document, the version written.
    :param serving: by document, the version that the serving revision reads.
    :param changes: the settings that change between the two.
    """

    KEY: ClassVar[str] = "configured/{environment}"
    WRITER: ClassVar[str] = "WriteConfigurationOperator"

    environment: EnvironmentName
    versions: Mapping[str, int]
    serving: Mapping[str, str] = {}
    changes: tuple[ConfigurationChange, ...] = ()

    @property
    def is_inherited(self) -> bool:
        """Production's secrets are all regions'."""
        return self.environment == "production"

    @property
    def sentence(self) -> str:
        """The versions and the settings that change."""
        versions = ", ".join(f"{name} version {number}" for name, number in self.versions.items())
        return f"Configuration of {self.environment} written: {versions or 'none'}; {changed(self.changes)}"


class ChangesPlanned(LedgerEntry):
    """What the release is going to change, found before anything of it changes.

    :param environment: ``production``.
    :param revisions: by service, everything that the new revision differs in from the one that serves.
    :param configuration: the settings that change, from what is in force now.
    :param migrations: the migrations that are due.
    :param held: by migration that is held, what it waits for.
    """

    KEY: ClassVar[str] = "planned/{environment}"
    WRITER: ClassVar[str] = "PlanChangesOperator"

    environment: EnvironmentName
    revisions: Mapping[str, tuple[TemplateChange, ...]]
    configuration: tuple[ConfigurationChange, ...] = ()
    migrations: tuple[str, ...] = ()
    held: Mapping[str, str] = {}

    @property
    def sentence(self) -> str:
        """Everything that is going to change."""
        revisions = "; ".join(
            f"{service}: {'; '.join(map(str, found)) or 'nothing'}"
            for service, found in self.revisions.items()
        )
        return (
            f"Planned for {self.environment}: {revisions}. Configuration {changed(self.configuration)}."
            f" Migrations due: {listed(self.migrations)}"
        )


def changed(changes: tuple[ConfigurationChange, ...]) -> str:
    """Return the settings that change, as people read them."""
    shown = [f"{c.document} {c.key} {c.before} -> {c.after}{f' {c.unit}' if c.unit else ''}" for c in changes]
    return f"changes: {', '.join(shown)}" if shown else "no setting changes"


class RevisionDeployed(LedgerEntry):
    """A service's new revision is deployed, without traffic.

    :param environment: ``staging`` or ``production``.
    :param component: key of the service in the policy, such as ``backend``.
    :param service: name of the Cloud Run service.
    :param revision: name of the new revision.
    :param image: repository with digest.
    :param base: the revision that it is built on, which served; None for the first one of a service.
    :param changes: everything that differs between the two.
    :param states: the production service afterwards.
    """

    KEY: ClassVar[str] = "deployed/{environment}/{component}"
    WRITER: ClassVar[str] = "DeployRevisionsOperator"

    environment: EnvironmentName
    component: str
    service: str
    revision: str
    image: str
    base: str | None = None
    changes: tuple[TemplateChange, ...] = ()
    states: Mapping[str, ServiceState] = {}

    @property
    def sentence(self) -> str:
        """The revision, its service, and what differs from the one it is built on."""
        deployed = f"Revision {self.revision} of {self.service} deployed without traffic ({self.environment})"
        if self.base is None:
            return deployed
        return f"{deployed}; changes to {self.base}: {'; '.join(map(str, self.changes)) or 'none'}"


class StagingStableRecorded(LedgerEntry):
    """What serves in staging before the rollback is rehearsed, so that a rehearsal can be repeated.

    :param service: name of the Cloud Run service.
    :param split: percent by revision.
    """

    KEY: ClassVar[str] = "stable/staging"
    WRITER: ClassVar[str] = "RehearseRollbackOperator"

    service: str
    split: Split

    @property
    def sentence(self) -> str:
        """The split."""
        return f"Before the rollback rehearsal {self.service} serves {split_words(self.split, self.service)}"


class RollbackRehearsed(LedgerEntry):
    """A rollback of the traffic is rehearsed in staging, against the clock.

    :param passed: whether all traffic was back in time.
    :param service: name of the Cloud Run service.
    :param seconds: how long it took; None when it was not carried out.
    :param limit_seconds: how long it may take.
    :param before: the split that had to come back.
    :param after: the split that came back.
    :param reason: one line for people.
    """

    KEY: ClassVar[str] = "drill/staging"
    WRITER: ClassVar[str] = "RehearseRollbackOperator"

    passed: bool
    service: str
    seconds: float | None = None
    limit_seconds: float
    before: Split
    after: Split | None = None
    reason: str

    @property
    def sentence(self) -> str:
        """Whether it passed, and why."""
        return f"Rollback rehearsal of {self.service} {'passed' if self.passed else 'failed'}: {self.reason}"


class StagingServed(LedgerEntry):
    """Staging's traffic is on the new revisions.

    :param urls: by key of the service, its URL.
    """

    KEY: ClassVar[str] = "serving/staging"
    WRITER: ClassVar[str] = "ServeStagingOperator"

    urls: Mapping[str, str]

    @property
    def sentence(self) -> str:
        """The services and their URLs."""
        return (
            f"Staging serves the new revisions: {', '.join(f'{k} at {url}' for k, url in self.urls.items())}"
        )


class SuiteRun(InheritableEntry):
    """A test suite ran against staging.

    :param suite: key of the suite in the policy.
    :param tests: tests that ran.
    :param passed: tests that passed.
    :param failed: names of those that failed.
    :param skipped: names of those that were skipped: they did not pass.
    :param flaky: names of those that failed, and passed when they ran again; their first result counts.
    :param compared_with: the last promoted release, that the results are compared with; None without one.
    :param newly_failing: names of those that fail, and did not in that release.
    :param unfinished: why the suite did not run to its end, in one line; None when it did.
    """

    KEY: ClassVar[str] = "suite/{suite}"
    WRITER: ClassVar[str] = "TestSuiteOperator"

    suite: str
    tests: int
    passed: int
    failed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    compared_with: str | None = None
    newly_failing: tuple[str, ...] = ()
    unfinished: str | None = None

    @property
    def sentence(self) -> str:
        """How many passed, and which did not."""
        if self.unfinished:
            return f"Test suite {self.suite} is inconclusive: {self.unfinished}"
        return f"Test suite {self.suite}: {self.passed} of {self.tests} tests passed{self.troubles}"

    @property
    def troubles(self) -> str:
        """Which tests did not pass, and how; empty when all did."""
        named = {
            "failed": self.failed,
            "skipped": self.skipped,
            "flaky": self.flaky,
            f"not failing in {self.compared_with}": self.newly_failing,
        }
        return "".join(f"; {how}: {listed(names)}" for how, names in named.items() if names)


class LoadTested(InheritableEntry, LoadReport):
    """The load test ran against staging."""

    KEY: ClassVar[str] = "load_test"
    FORMAT: ClassVar[int] = 3
    WRITER: ClassVar[str] = "LoadTestOperator"

    @classmethod
    def upgrade(cls, payload: Mapping[str, Any], written: int) -> Mapping[str, Any]:
        """Formats 1 and 2 had two readings of the memory, of unknown instances: they are no series."""
        upgraded = super().upgrade(payload, written) if written < InheritableEntry.FORMAT else payload
        return {**upgraded, "memory": {}}

    @property
    def sentence(self) -> str:
        """How many requests were made and failed, and how fast they were."""
        if self.unfinished:
            return f"Load test is inconclusive after {self.requests} requests: {self.unfinished}"
        latency = "" if self.latency_p95_ms is None else f", latency P95 {self.latency_p95_ms:.0f} ms"
        return f"Load test: {self.requests} requests of {self.users} users, {self.failures} failed{latency}"


class ChecklistItemChecked(InheritableEntry):
    """An item of the pre-deployment checklist is checked.

    :param item: name of the item.
    :param title: the item as the strategy calls it.
    :param passed: whether it is fulfilled.
    :param reason: one line for people, with the numbers.
    :param evidence: what it rests on.
    """

    KEY: ClassVar[str] = "checklist/{item}"
    WRITER: ClassVar[str] = "ChecklistItemOperator"

    item: str
    title: str = ""
    passed: bool
    reason: str
    evidence: Mapping[str, Any] = {}

    @property
    def sentence(self) -> str:
        """The item, and whether it is fulfilled."""
        return f"Checklist: {self.title or self.item}: {'yes' if self.passed else 'no'}, {self.reason}"
