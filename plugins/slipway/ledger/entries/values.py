"""The parts that several kinds of entry are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from slipway.analysis.verdict import Cause, Decision, Finding, Verdict

Split = Mapping[str, int]
"""Percent by revision."""

_RELEASED = re.compile(r"-v(\d+)-(\d+)-(\d+)((?:-[a-z0-9]+)*)-[0-9a-f]{6}$")


class EntryPart(BaseModel):
    """Base of the parts of entries."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitChange(EntryPart):
    """A change of one service's traffic.

    :param before: percent by revision before.
    :param after: percent by revision after.
    :param changed: False where it was so already.
    :param percent: the new revision's share in percent, where a phase set it.
    :param note: what is out of the ordinary.
    """

    before: Split
    after: Split
    changed: bool = True
    percent: int | None = None
    note: str | None = None

    def shown(self, service: str) -> str:
        """Return the change as people read it.

        :param service: name of the Cloud Run service.
        """
        return f"{split_words(self.after, service)}{f' ({self.note})' if self.note else ''}"

    def described(self, service: str) -> str:
        """Return the change with the split before it: ``1.2.0 100 % -> 1.1.0 100 %``.

        :param service: name of the Cloud Run service.
        """
        before = f"{split_words(self.before, service)} -> " if self.changed else "unchanged, "
        return f"{before}{self.shown(service)}"


class ServiceState(EntryPart):
    """A Cloud Run service at one moment, to compare a later one with. Holds no value of the environment.

    :param etag: of the service, as Cloud Run gives it.
    :param generation: number of the service's configuration.
    :param modified_by: who changed it last.
    :param modified_at: moment in UTC.
    :param template: what the next revision would be made of; values of the environment as digests.
    :param traffic: percent by revision.
    :param tags: revision by tag.
    """

    etag: str
    generation: int
    modified_by: str
    modified_at: str | None
    template: Mapping[str, str]
    traffic: Split
    tags: Mapping[str, str]


class TemplateChange(EntryPart):
    """A difference between the revision that serves and the new one; the value of a secret is never in it.

    :param field: such as ``image``, ``env LOG_LEVEL``, ``secret FEATURE_FLAGS`` or ``service_account``.
    :param before: what the serving revision has; a digest where it may be secret; None when it has none.
    :param after: what the new revision has, likewise.
    """

    field: str
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        absent = "absent"
        return f"{self.field} {absent if self.before is None else self.before} -> " + (
            absent if self.after is None else self.after
        )


class LeftOut(EntryPart):
    """A service's newest revision, deployed after the one that serves: the new one is not built on it.

    :param revision: the newest revision.
    :param by: who deployed it.
    :param at: when.
    :param release: the release on record that made it; None when none did.
    :param changes: what differs from the revision that serves.
    """

    revision: str
    by: str
    at: datetime
    release: str | None = None
    changes: tuple[TemplateChange, ...]

    def described(self) -> str:
        """Say what was deployed, by whom, and what it changes."""
        who = self.by if self.release is None else f"release {self.release}"
        return (
            f"revision {self.revision}, deployed by {who} at {self.at:%Y-%m-%d %H:%M:%S} UTC, changes"
            f" {'; '.join(map(str, self.changes))}"
        )


class ServedDocument(EntryPart):
    """A configuration document as the serving revision reads it.

    :param mounted: the version that it mounts.
    :param in_force: the version that it goes by: the mounted one, or a newer one that a rollback named.
    """

    mounted: str
    in_force: str


class ConfigurationChange(EntryPart):
    """A setting that changes; the value of a secret is never in it.

    :param document: the configuration document.
    :param key: the setting.
    :param before: what the serving revision reads.
    :param after: what the new version says.
    :param unit: of both; empty when there is none.
    """

    document: str
    key: str
    before: str
    after: str
    unit: str = ""


class Judged(BaseModel):
    """A decision, as the analysis made it.

    :param verdict: ``promote``, ``hold`` or ``rollback``.
    :param reason: one line for people: what decided.
    :param findings: one per metric or criterion.
    :param cause: why, for machines.
    :param needs_a_person: whether nothing is left that the analysis may decide on its own.
    :param seconds: length of the judged window.
    """

    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...] = ()
    cause: Cause | None = None
    needs_a_person: bool = False
    seconds: float | None = None

    @classmethod
    def by(cls, decision: Decision, **fields: Any) -> Self:
        """Return the entry of a decision, with the other ``fields`` of the entry.

        :param decision: what the analysis decided.
        """
        return cls.model_validate({**decision.as_payload(), **fields})

    @property
    def evidence(self) -> list[str]:
        """What led to the verdict: every finding of a promotion, the reason of anything else."""
        if self.verdict is Verdict.PROMOTE and self.findings:
            return [finding.reason for finding in self.findings]
        return [self.reason]


def split_words(split: Split, service: str) -> str:
    """Return a split as people read it: ``1.1.0 90 %, 1.2.0 10 %``.

    :param split: percent by revision.
    :param service: name of the Cloud Run service.
    """
    shown = [
        f"{version_words(revision, service)} {percent} %" for revision, percent in split.items() if percent
    ]
    return ", ".join(shown) or "none"


def version_words(revision: str, service: str) -> str:
    """Return the version that a release's revision has in its name; any other revision is shown as it is.

    :param revision: short name.
    :param service: name of the Cloud Run service.
    """
    found = _RELEASED.search(revision) if revision.startswith(service) else None
    return revision if found is None else ".".join(found.groups()[:3]) + found[4]


def listed(names: Mapping[str, Any] | list[str] | tuple[str, ...], *, none: str = "none") -> str:
    """Return names as a list that people read.

    :param names: the names, or a mapping of them.
    :param none: what stands for no name.
    """
    return ", ".join(names) or none
