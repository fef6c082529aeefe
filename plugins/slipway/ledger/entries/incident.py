"""What a rolled-back release has cost those who met it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

from slipway.ledger.entries.base import LedgerEntry
from slipway.ledger.entries.values import EntryPart, Split


class IncidentStep(EntryPart):
    """A line of an incident's timeline.

    :param at: moment in UTC.
    :param what: what happened.
    """

    at: datetime
    what: str


class IncidentReported(LedgerEntry):
    """What happened while the revisions of a rolled-back release had traffic, and who met them.

    :param reason: why it was rolled back, in one line.
    :param revisions: the release's revision, by service that it served.
    :param most_percent: its highest share of the traffic, by service.
    :param began_at: when the first of them got traffic.
    :param ended_at: when the last of them lost it; None when one still serves.
    :param evidence: what decided against the release, a line each.
    :param timeline: what happened, the oldest first.
    :param requests: requests of theirs on the product's own record; None when they were not counted.
    :param users: different users on that record.
    :param sessions: different sessions on that record.
    :param uncounted: why they were not counted; empty when they were.
    """

    KEY: ClassVar[str] = "incident"
    WRITER: ClassVar[str] = "the closing operators, the reconcile teardown, CheckReleasesOperator"

    reason: str
    revisions: Mapping[str, str]
    most_percent: Split
    began_at: datetime
    ended_at: datetime | None = None
    evidence: tuple[str, ...] = ()
    timeline: tuple[IncidentStep, ...] = ()
    requests: int | None = None
    users: int | None = None
    sessions: int | None = None
    uncounted: str = ""

    @property
    def seconds(self) -> float | None:
        """How long one of the revisions had traffic; None while one has."""
        return None if self.ended_at is None else (self.ended_at - self.began_at).total_seconds()

    @property
    def met_words(self) -> str:
        """Who met the revisions, as people read it."""
        if self.users is None:
            return f"Who met the new revision was not counted: {self.uncounted}"
        return (
            f"{self.users} users in {self.sessions} sessions met the new revision, with {self.requests}"
            " requests on the product's record"
        )

    @property
    def sentence(self) -> str:
        """From when to when the revisions had traffic, who met them, and why it ended."""
        until = "now" if self.ended_at is None else f"{self.ended_at:%H:%M:%S} UTC"
        began = f"{self.began_at:%Y-%m-%d %H:%M:%S}"
        return f"Incident from {began} to {until}. {self.met_words}. Reason: {self.reason}"


class LateRegressionFound(LedgerEntry):
    """A promoted release got worse after its end, by the metrics that it was judged by.

    :param service: name of the production service.
    :param revision: the promoted revision.
    :param lines: what is over a rollback trigger, a line each.
    :param began_at: begin of the window.
    :param ended_at: end of the window.
    :param action: what the policy orders.
    """

    KEY: ClassVar[str] = "late_regression"
    WRITER: ClassVar[str] = "CheckReleasesOperator of the DAG release_watchdog"

    service: str
    revision: str
    lines: tuple[str, ...]
    began_at: datetime
    ended_at: datetime
    action: Literal["roll_back", "notify"]

    @property
    def reason(self) -> str:
        """What got worse, in one line of at most 500 characters."""
        return f"release_watchdog: late regression of {self.revision}: {'; '.join(self.lines)}"[:500]

    @property
    def sentence(self) -> str:
        """What got worse, and what follows."""
        next_step = (
            "The DAG rollback takes its traffic back"
            if self.action == "roll_back"
            else "Needs a decision: roll back by the DAG rollback, or leave it"
        )
        return (
            f"After its promotion {self.revision} of {self.service} got worse until {self.ended_at:%H:%M:%S}"
            f" UTC: {'; '.join(self.lines)}. {next_step}"
        )


class HealthVerified(LedgerEntry):
    """What serves again after a rollback was checked by the metrics that the release was judged by.

    :param service: name of the production service.
    :param revision: the revision that serves again.
    :param healthy: None when there was too little evidence, or no answer from the metrics source.
    :param lines: what is wrong, a line each; every metric where nothing is.
    :param began_at: begin of the window, when the traffic was restored.
    :param ended_at: end of the window.
    """

    KEY: ClassVar[str] = "health"
    WRITER: ClassVar[str] = "CheckReleasesOperator of the DAG release_watchdog"

    service: str
    revision: str
    healthy: bool | None = None
    lines: tuple[str, ...]
    began_at: datetime
    ended_at: datetime

    @property
    def sentence(self) -> str:
        """How it stands with what serves again, and why."""
        found = {True: "is healthy", False: "is NOT healthy", None: "could not be verified"}[self.healthy]
        return f"After the rollback {self.revision} of {self.service} {found}: {'; '.join(self.lines)}"
