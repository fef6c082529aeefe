"""The five situations that the Release page must make plain, as the operators leave them on record."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from unittest.mock import patch

from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.evidence_series import series_of
from slipway.analysis.verdict import Cause, Decision, Verdict
from slipway.ledger.bakes import Bake
from slipway.ledger.entries import (
    Brake,
    ChangesPlanned,
    ChecklistItemChecked,
    ConfigurationChange,
    DeploymentChecked,
    DeploymentLine,
    EvidenceRecorded,
    GateDecided,
    LedgerEntry,
    PhaseBaked,
    SplitChange,
    TeamNotified,
    TemplateChange,
    TrafficRestored,
    TrafficShifted,
)
from slipway.ledger.ledger import Ledger, Outcome, Release
from slipway.ledger.timeline import traffic
from slipway.policy.checklist import ITEMS, TITLES
from slipway.policy.metrics import BandMetric, LevelMetric, Metric, QuantileMetric
from slipway.policy.release import PhaseName, Policy
from slipway.release.drawings import keep_drawings
from slipway.release.incident import incident_of

from tests.integration.slipway.releases import BACKEND, open_release

OLD = "netra-backend-prod-v1-1-0-c87178"
SUPPORTING = {"auth": "netra-auth-prod", "frontend": "netra-frontend-prod"}
APPROVE = "phase_2_production_preparation.approve"
BAKE = "phase_3_canary.bake"
CHECK_SECONDS = 60
_SHARES = {"canary": 10, "half": 50, "full": 100}


@dataclass
class Story:
    """A release that is told minute by minute.

    :param began: when it was opened.
    """

    ledger: Ledger
    version: str
    began: datetime
    at: datetime = field(init=False)
    release: Release = field(init=False)

    def __post_init__(self) -> None:
        self.at = self.began
        with self._clock():
            self.release = open_release(
                self.ledger,
                self.version,
                run_id=f"manual__{self.began.isoformat()}",
                stable={BACKEND: {OLD: 100}}
                | {name: {f"{name}-v1-1-0-c87178": 100} for name in SUPPORTING.values()},
            )

    @property
    def new(self) -> str:
        """Short name of the new revision of the backend."""
        return self.release.plan.services["backend"].revisions["production"]

    def record(self, entry: LedgerEntry, *, after: float = 0) -> None:
        """Put an entry on record.

        :param after: minutes since the one before it.
        """
        self.at += timedelta(minutes=after)
        with self._clock():
            self.ledger.append(self.release.release_id, entry)

    def close(self, outcome: Outcome, reason: str) -> None:
        """Close the release."""
        with self._clock():
            self.ledger.close(self.release.release_id, outcome=outcome, reason=reason)

    def pass_staging(self) -> None:
        """Everything before production, as it is on record."""
        self.record(
            gate("staging", "3 of 3 suites passed; 150 users for 60 min: 0.02 % of requests failed"), after=64
        )
        flag = ConfigurationChange(document="feature-flags", key="optimize", before="false", after="true")
        self.record(
            ChangesPlanned(
                environment="production",
                revisions={
                    BACKEND: (TemplateChange(field="image", before="backend:1.1.0", after="backend:1.2.0"),)
                },
                configuration=(flag,),
                migrations=("0014_savings_by_day",),
            ),
            after=2,
        )
        for item in ITEMS:
            self.record(ChecklistItemChecked(item=item, title=TITLES[item], passed=True, reason="fulfilled"))

    def prepare(self) -> None:
        """Everything until the canary."""
        self.pass_staging()
        self.record(
            gate("preparation", f"{len(ITEMS)} of {len(ITEMS)} items of the checklist are fulfilled"), after=9
        )

    def shift(self, phase: PhaseName) -> None:
        """Move the backend's traffic."""
        percent = _SHARES[phase]
        after = {name: share for name, share in ((self.new, percent), (OLD, 100 - percent)) if share}
        change = SplitChange(before={OLD: 100}, after=after, percent=percent)
        self.record(TrafficShifted(phase=phase, changes={BACKEND: change}, at=self.at), after=2)

    def bake(self, phase: PhaseName, *, errors: float = 0.0, stable_errors: float = 0.0) -> Decision:
        """Bake a phase until it is decided, and put what it saw and decided on record.

        :param errors: share of the new revision's requests that fail after the first ten minutes.
        :param stable_errors: the stable revision's.
        """
        record, decision = baked(self.release.policy, phase, errors=errors, stable_errors=stable_errors)
        self.at += timedelta(seconds=decision.seconds)
        self.record(EvidenceRecorded.of(record))
        return decision

    def shift_supporting(self) -> None:
        """Move the services that follow the backend, each in one step."""
        for component, name in SUPPORTING.items():
            new = self.release.plan.services[component].revisions["production"]
            change = SplitChange(before={f"{name}-v1-1-0-c87178": 100}, after={new: 100}, percent=100)
            self.record(TrafficShifted(phase="full", component=component, changes={name: change}, at=self.at))

    @property
    def live(self) -> Mapping[str, Mapping[str, int]]:
        """The split of every service as Cloud Run has it: as the record has it."""
        steps = traffic(
            self.ledger.release(self.release.release_id), self.ledger.entries(self.release.release_id)
        )
        return {name: found[-1].split for name, found in steps.items()}

    def promote(self, phase: PhaseName) -> None:
        """Shift, bake, and go on."""
        self.shift(phase)
        if phase == "full":
            self.shift_supporting()
        decision = self.bake(phase)
        assert decision.verdict is Verdict.PROMOTE, decision
        self.record(PhaseBaked.by(decision, phase=phase, decided_at=self.at))
        self.record(GateDecided.by(decision, phase=phase))

    @contextmanager
    def _clock(self) -> Iterator[None]:
        with patch("slipway.ledger.ledger.present", return_value=self.at):
            yield


def gate(phase: str, reason: str) -> GateDecided:
    """Return a gate that goes on."""
    return GateDecided(phase=phase, verdict=Verdict.PROMOTE, reason=reason)


def canary_running(ledger: Ledger) -> Story:
    """A canary that has baked for some minutes, with nothing decided."""
    story = Story(ledger, "1.2.0", datetime.now(UTC) - timedelta(minutes=97))
    story.prepare()
    story.shift("canary")
    record, decision = baked(story.release.policy, "canary", minutes=21)
    series = series_of(record, story.release.policy)
    ledger.checks.keep(story.release.release_id, Bake("canary"), decision, series)
    return story


def waiting_for_approval(ledger: Ledger) -> Story:
    """A release whose checklist is fulfilled, before production is touched."""
    story = Story(ledger, "1.2.0", datetime.now(UTC) - timedelta(minutes=68))
    story.pass_staging()
    return story


def on_hold(ledger: Ledger) -> Story:
    """A canary that the analysis cannot decide: stable itself is over the trigger for too long."""
    story = Story(ledger, "1.2.0", datetime.now(UTC) - timedelta(minutes=110))
    story.prepare()
    story.shift("canary")
    decision = story.bake("canary", errors=0.03, stable_errors=0.03)
    assert decision.cause is Cause.FROZEN, decision
    story.record(PhaseBaked.by(decision, phase="canary", decided_at=story.at))
    return story


def rolled_back(ledger: Ledger) -> Story:
    """A canary whose requests fail, until its end."""
    story = Story(ledger, "1.2.0", datetime.now(UTC) - timedelta(minutes=120))
    story.prepare()
    story.shift("canary")
    decision = story.bake("canary", errors=0.06)
    assert decision.verdict is Verdict.ROLLBACK, decision
    back = {BACKEND: SplitChange(before={}, after={OLD: 100})}
    story.at += timedelta(seconds=1)
    story.record(
        PhaseBaked.by(decision, phase="canary", decided_at=story.at, brake=Brake(changes=back, at=story.at))
    )
    story.record(GateDecided.by(decision, phase="canary"))
    confirmed = {BACKEND: SplitChange(before={OLD: 100}, after={OLD: 100}, changed=False)}
    story.record(TrafficRestored(reason="x", changes=confirmed))
    story.close("rolled_back", f"canary: {decision.reason}")
    incident = incident_of(ledger.release(story.release.release_id), ledger.entries(story.release.release_id))
    assert incident is not None
    story.record(incident.model_copy(update={"requests": 230, "users": 12, "sessions": 15, "uncounted": ""}))
    story.record(
        TeamNotified(event="rolled_back", subject="Release 1.2.0 was rolled back", connection="slipway_team")
    )
    keep_drawings(ledger.release(story.release.release_id), ledger)
    return story


def promoted(ledger: Ledger) -> Story:
    """A release that every phase promoted, and that missed a line of the deployment checklist."""
    story = Story(ledger, "1.2.0", datetime.now(UTC) - timedelta(days=8))
    story.prepare()
    for phase in get_args(PhaseName):
        story.promote(phase)
    story.close("promoted", "every phase was promoted")
    line = DeploymentLine(
        part="post",
        title="Savings shown to the first customers",
        passed=False,
        reason="2 of 5 customers have seen a saving",
    )
    story.record(DeploymentChecked(lines=(line,)))
    return story


def baked(
    policy: Policy, phase: PhaseName, *, errors: float = 0.0, stable_errors: float = 0.0, minutes: int = 60
) -> tuple[EvidenceRecord, Decision]:
    """Return the evidence and the verdict of a bake.

    :param errors: share of the new revision's requests that fail after the first ten minutes.
    :param stable_errors: the stable revision's.
    :param minutes: how long at most.
    """
    chance = random.Random(phase)
    rules = policy.phases[phase]
    analysis = BakeAnalysis(
        policy, bake_seconds=rules.bake_seconds, extension_seconds=rules.extension_seconds, phase=phase
    )
    record = EvidenceRecord(phase, list(policy.metrics))
    share = _SHARES[phase]
    for at in range(0, 60 * minutes + 1, CHECK_SECONDS):
        canary, stable = (
            {
                k: _counts(chance, m, 40 * percent, bad if k == "error_rate" and at > 600 else 0)
                for k, m in policy.metrics.items()
            }
            for percent, bad in ((share, errors), (100 - share, stable_errors))
        )
        record.add(canary, stable, at=at)
        analysis.add(canary, stable, at=at)
        decision = analysis.decision(at=at)
        if decision.ends_the_bake:
            break
    return record, decision


def _counts(chance: random.Random, metric: Metric, mean: int, bad: float) -> Counts:
    total = chance.randint(int(0.85 * mean), int(1.15 * mean))
    if isinstance(metric, LevelMetric):
        return Counts(1, chance.uniform(0.55, 0.62)) if mean else Counts()
    if isinstance(metric, BandMetric):
        return Counts(total / 100, total * chance.uniform(0.79, 0.83) / 100, 0)
    if isinstance(metric, QuantileMetric):
        slow = round(total * chance.uniform(0.01, 0.03))
        return Counts(total, slow, slow // 10)
    failed = sum(chance.random() < bad for _ in range(total)) if bad else 0
    if not bad and metric.title != "Session isolation":
        failed = int(total > 0 and chance.random() < total / 8000)
    return Counts(total, failed, failed)


SITUATIONS: Mapping[str, Any] = {
    "canary_running": canary_running,
    "waiting_for_approval": waiting_for_approval,
    "on_hold": on_hold,
    "rolled_back": rolled_back,
    "promoted": promoted,
}

_APPROVAL = """1.2.0 would serve customers next.

- **Approve** lets the release go on: a backup, then the migration, then the canary with 10 % of the traffic.
- **Reject** rolls the release back; nothing of production is touched."""
_HOLD = """The stable revision itself is over the trigger.

- **Bake on** leaves 10 % of the traffic at 1.2.0 and checks for another round.
- **Roll back** returns all traffic to 1.1.0."""
#: By situation, the task that asks and what it asks.
QUESTIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "waiting_for_approval": (APPROVE, {"subject": "May 1.2.0 go to production?", "body": _APPROVAL}),
    "on_hold": (
        BAKE,
        {
            "subject": "The canary of 1.2.0 needs a decision",
            "body": _HOLD,
            "options": ["Bake on", "Roll back"],
            "defaults": ["Roll back"],
        },
    ),
}
