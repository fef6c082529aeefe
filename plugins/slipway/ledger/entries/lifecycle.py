"""How a release begins and ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from slipway.ledger.entries.base import LedgerEntry, renamed
from slipway.ledger.entries.values import (
    EntryPart,
    LeftOut,
    ServedDocument,
    ServiceState,
    Split,
    listed,
    split_words,
)


class TargetRecord(EntryPart):
    """What served a service when the release began: where its traffic goes back to.

    :param revision: the revision with all the traffic; None when the service has none yet.
    :param image: its image reference.
    :param digest: digest of its image; None when it was deployed by a tag.
    :param mounted: ``<secret>:<version>`` by environment variable; names, never values.
    :param release: the release that made it, if one did.
    :param findings: what is wrong with it as a target.
    :param note: why there is no target.
    """

    service: str
    revision: str | None = None
    image: str | None = None
    digest: str | None = None
    mounted: Mapping[str, str] = {}
    min_instances: int | None = None
    max_instances: int | None = None
    release: str | None = None
    findings: tuple[str, ...] = ()
    note: str | None = None


class ReleaseOpened(LedgerEntry):
    """The release began: what served then is recorded as the rollback target, before anything changes.

    :param actor: who asked for the release.
    :param reason: why, in the words of who asked.
    :param stable: by production service, the split that served.
    :param stable_is_broken: whether what served is the broken version, so that nothing is compared with it.
    :param findings: what is wrong with the rollback targets.
    :param targets: by service, the rollback target.
    :param states: by service, its state; None for one that does not exist yet.
    :param versions: by service that uses the database, the version that a rollback returns to.
    :param configuration: by document, the version that served; a rollback returns to it.
    :param rolled_back_before: the release of the same version that was rolled back, and why.
    :param left_out: by service, what was deployed after the revision that serves; nothing is built on it.
    :param rollback_commands: the commands that return the traffic by hand.
    :param plan_sha256: SHA-256 of what is released, as canonical JSON; the ledger sets it.
    :param policy_sha256: SHA-256 of the policy that it is judged by, likewise.
    """

    KEY: ClassVar[str] = "opened"
    FORMAT: ClassVar[int] = 2
    WRITER: ClassVar[str] = "OpenReleaseOperator"

    actor: str
    reason: str | None = None
    stable: Mapping[str, Split] = {}
    stable_is_broken: bool = False
    findings: tuple[str, ...] = ()
    targets: Mapping[str, TargetRecord] = {}
    states: Mapping[str, ServiceState | None] = {}
    versions: Mapping[str, str] = {}
    configuration: Mapping[str, ServedDocument] = {}
    left_out: Mapping[str, LeftOut] = {}
    rolled_back_before: str | None = None
    rollback_commands: tuple[str, ...] = ()
    plan_sha256: str | None = None
    policy_sha256: str | None = None

    @property
    def foreign(self) -> dict[str, LeftOut]:
        """By service, what was deployed after the revision that serves by no release on record."""
        return {name: found for name, found in self.left_out.items() if found.release is None}

    @property
    def sentence(self) -> str:
        """Who asked, where a rollback returns to, and what is left out."""
        back = "; ".join(f"{name} {split_words(split, name)}" for name, split in self.stable.items())
        asked = f"Release opened, requested by {self.actor}{f': {self.reason}' if self.reason else ''}."
        broken = " What serves is declared broken." if self.stable_is_broken else ""
        left = "".join(f". Left out: {name}: {one.described()}" for name, one in self.left_out.items())
        again = f" Rolled back before: {self.rolled_back_before}." if self.rolled_back_before else ""
        return f"{asked}{broken}{again} Rollback target: {back or 'none'}{left}"

    @classmethod
    def upgrade(cls, payload: Mapping[str, Any], written: int) -> Mapping[str, Any]:
        """Format 1 called a target's ``mounted`` ``secrets``, which Airflow masks in the log."""
        targets = payload.get("targets", {})
        return {
            **payload,
            "targets": {name: renamed(t, {"secrets": "mounted"}) for name, t in targets.items()},
        }


class ServicesLocked(LedgerEntry):
    """The production services are locked for this release.

    :param until: when the lock ends unless it is renewed.
    :param taken_over: by service, the expired lock of another release that this one replaced.
    """

    KEY: ClassVar[str] = "leased"
    WRITER: ClassVar[str] = "OpenReleaseOperator"

    until: datetime
    taken_over: Mapping[str, str] = {}

    @property
    def sentence(self) -> str:
        """Until when, and whose expired lock was replaced."""
        replaced = "; ".join(f"{name}: {lock}" for name, lock in self.taken_over.items())
        return f"Services locked for this release until {self.until:%Y-%m-%d %H:%M:%S} UTC" + (
            f"; replaced expired locks: {replaced}" if replaced else ""
        )


class ReleaseClosed(LedgerEntry):
    """The release ended; its services are free in the ledger.

    :param outcome: ``promoted`` or ``rolled_back``.
    :param reason: one line for people.
    """

    KEY: ClassVar[str] = "closed"
    WRITER: ClassVar[str] = "Ledger.close, called by the closing operators and the reconcile teardown"

    outcome: Literal["promoted", "rolled_back"]
    reason: str

    @property
    def sentence(self) -> str:
        """The outcome and the reason."""
        return f"Release {self.outcome.replace('_', ' ')}: {self.reason}"


class PromotionRolledBack(LedgerEntry):
    """A promoted release was rolled back later; from here on its outcome is ``rolled_back``.

    :param reason: one line for people.
    """

    KEY: ClassVar[str] = "rolled_back/promotion"
    WRITER: ClassVar[str] = "Ledger.close, when the promoted release's traffic was restored"

    reason: str

    @property
    def sentence(self) -> str:
        """The reason."""
        return f"The promoted release is rolled back: {self.reason}"


class ServiceReleased(EntryPart):
    """A service after its release let go of it.

    :param split: percent by revision that serves, as read when the lock was removed.
    :param tags: revision by tag that is left.
    :param lease_freed: whether the lock on the service was removed now; None when nothing was done.
    :param note: why nothing was done.
    """

    split: Mapping[str, int] = {}
    tags: Mapping[str, str] = {}
    lease_freed: bool | None = None
    note: str | None = None


class ServicesReleased(LedgerEntry):
    """The tag and the lock are removed from the production services, so that the next release can begin.

    :param services: by service, what is left on it.
    """

    KEY: ClassVar[str] = "left/production"
    WRITER: ClassVar[str] = "the closing operators, the reconcile teardown"

    services: Mapping[str, ServiceReleased]

    @property
    def sentence(self) -> str:
        """Which services, and which were left alone."""
        alone = "; ".join(f"{name}: {found.note}" for name, found in self.services.items() if found.note)
        serving = "; ".join(
            f"{name} {split_words(found.split, name)}" for name, found in self.services.items() if found.split
        )
        return (
            f"Tag and lock removed from {listed(self.services)}"
            + (f" ({alone})" if alone else "")
            + (f"; serving: {serving}" if serving else "")
        )


class ReleaseTagged(LedgerEntry):
    """The release's tag is on the platform's git repository.

    :param tag: name of the tag.
    :param commit: the commit that it points to.
    """

    KEY: ClassVar[str] = "tagged"
    WRITER: ClassVar[str] = "TagReleaseOperator"

    tag: str
    commit: str

    @property
    def sentence(self) -> str:
        """The tag and its commit."""
        return f"Git tag {self.tag} set on commit {self.commit[:12]}"


class DeploymentLine(EntryPart):
    """A line of the deployment checklist.

    :param part: ``during`` or ``post``.
    :param passed: None when the release has no evidence on it, and a person must tell.
    """

    part: str
    title: str
    passed: bool | None
    reason: str


class DeploymentChecked(LedgerEntry):
    """The deployment checklist of a promoted release, gone through at its end.

    :param lines: the lines of the checklist.
    """

    KEY: ClassVar[str] = "checklist/deployment"
    WRITER: ClassVar[str] = "ClosePromotedOperator"

    lines: tuple[DeploymentLine, ...]

    @property
    def missed(self) -> list[str]:
        """The lines that do not hold, and why."""
        return [f"{line.title}: {line.reason}" for line in self.lines if line.passed is False]

    @property
    def sentence(self) -> str:
        """How many lines hold, and which do not."""
        held = sum(line.passed is True for line in self.lines)
        return f"Deployment checklist: {held} of {len(self.lines)} lines hold" + (
            f"; not: {'; '.join(self.missed)}" if self.missed else ""
        )


class ReportWritten(LedgerEntry):
    """The report of the release is written, once for each end of it.

    :param edition: 2 for a promoted release that was rolled back later.
    :param page: address of the report as a page.
    :param data: address of the report as JSON.
    :param page_sha256: SHA-256 of the page, 64 hexadecimal digits.
    :param data_sha256: SHA-256 of the JSON.
    :param met: criteria of success that are met.
    :param criteria: all of them.
    """

    KEY: ClassVar[str] = "report/{edition}"
    WRITER: ClassVar[str] = "the closing operators, the reconcile teardown, CheckReleasesOperator"

    edition: int = 1
    page: str
    data: str
    page_sha256: str
    data_sha256: str
    met: int
    criteria: int

    @property
    def sentence(self) -> str:
        """How many criteria are met, and where it is."""
        return f"Report written: {self.met} of {self.criteria} criteria of success met: {self.page}"


class RegionsReported(LedgerEntry):
    """Which region serves which version, when a release to one of several regions has ended.

    :param region: the region of this release.
    :param outcome: how this release ended.
    :param serving: by region and service, percent and version by revision.
    :param kept: earlier regions that keep the version of a rolled-back release.
    :param rollback_commands: by region that keeps it, the commands that return its traffic.
    :param notified: how the team was notified.
    """

    KEY: ClassVar[str] = "regions"
    FORMAT: ClassVar[int] = 2
    WRITER: ClassVar[str] = "ReleaseRegionsOperator"

    region: str
    outcome: str
    serving: Mapping[str, Mapping[str, Mapping[str, Any]]]
    kept: tuple[str, ...] = ()
    rollback_commands: Mapping[str, tuple[str, ...]] = {}
    notified: str = ""

    @property
    def sentence(self) -> str:
        """The outcome in this region, and which regions keep the version."""
        kept = f"; {', '.join(self.kept)} keep the version" if self.kept else ""
        return (
            f"Release to {self.region} {self.outcome.replace('_', ' ')}{kept}; team notified: {self.notified}"
        )

    @classmethod
    def upgrade(cls, payload: Mapping[str, Any], written: int) -> Mapping[str, Any]:
        """Format 1 called ``notified`` ``told``."""
        return renamed(payload, {"told": "notified"})


class NextRegionStarted(LedgerEntry):
    """The release to the next region is started, once.

    :param region: the next region.
    :param run: Airflow run id of its release.
    :param conf: what the run is asked for.
    """

    KEY: ClassVar[str] = "next_region/{region}"
    WRITER: ClassVar[str] = "ReleaseRegionsOperator"

    region: str
    run: str
    conf: Mapping[str, Any]

    @property
    def sentence(self) -> str:
        """The region and its run."""
        return f"Release to {self.region} started as run {self.run}"
