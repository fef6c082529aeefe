"""What a phase does to production's traffic, what it sees, and what is decided."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from slipway.analysis.evidence_record import FORMAT as EVIDENCE_FORMAT
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.verdict import Verdict
from slipway.ledger.entries.base import InheritableEntry, LedgerEntry, renamed
from slipway.ledger.entries.values import EntryPart, Judged, ServiceState, SplitChange
from slipway.policy.release import PhaseName

_GATES_OF_THE_VERSION = ("staging", "preparation")


class Person(EntryPart):
    """A user of Airflow.

    :param id: the user's id.
    :param name: the user's name.
    """

    id: str
    name: str


class ApprovalDecided(LedgerEntry):
    """Whether the release may go to production, or to the canary where it has a gate, and who said so.

    :param place: ``production``, or ``canary``.
    :param approved: whether it may.
    :param reason: one line: the answer, or why nobody was asked.
    :param user: who answered; None when nobody was asked or answered.
    :param outside_windows: why production is not begun then without an override; None when it may be.
    """

    KEY: ClassVar[str] = "approval/{place}"
    WRITER: ClassVar[str] = "ApproveProductionOperator, ApproveCanaryOperator"

    place: Literal["production", "canary"] = "production"
    approved: bool
    reason: str
    user: Person | None = None
    outside_windows: str | None = None

    @property
    def sentence(self) -> str:
        """The answer."""
        overrides = f", overriding {self.outside_windows}" if self.approved and self.outside_windows else ""
        answer = "approved" if self.approved else "not approved"
        return f"{self.place.capitalize()} {answer}: {self.reason}{overrides}"


class AnswerRefused(LedgerEntry):
    """An answer that did not count: the question stands again, for the rest of its time.

    :param question: ``production``, ``canary_gate``, or the phase whose bake asked.
    :param round: number of the refused answer.
    :param reason: who answered what, and why it did not count.
    :param user: who answered.
    """

    KEY: ClassVar[str] = "answer_refused/{question}[/{round}]"
    WRITER: ClassVar[str] = "ApproveProductionOperator, ApproveCanaryOperator, BakeSensor"

    question: str
    round: int = 1
    reason: str
    user: Person

    @property
    def sentence(self) -> str:
        """Who answered what, and why it did not count."""
        return self.reason


class MetricPower(EntryPart):
    """What a phase can see of one metric.

    :param metric: key in the policy.
    :param events: expected events of the new revision during the phase.
    :param smallest_percent: smallest percent of bad events that is detected; None when none is.
    :param seconds_needed: how long the phase has to be to see the trigger; None when no time is long enough.
    :param sees_trigger: whether the phase is that long.
    :param promoted_percent: how probably a good release is proven good enough by the end of the extension.
    """

    metric: str
    events: float
    smallest_percent: float | None
    seconds_needed: float | None
    sees_trigger: bool
    promoted_percent: float | None = None


class DetectionPowerForecast(LedgerEntry):
    """What a phase can see, from the traffic that is served now, before its traffic moves.

    :param phase: ``canary``, ``half`` or ``full``.
    :param action: ``start``, ``extend`` or ``hold``.
    :param reason: one line for people.
    :param seconds: how long the phase is going to bake.
    :param events_per_second: by metric, the expected rate at the new revision.
    :param detection_power: one per metric.
    """

    KEY: ClassVar[str] = "forecast/{phase}"
    FORMAT: ClassVar[int] = 2
    WRITER: ClassVar[str] = "CheckDetectionPowerOperator"

    phase: str
    action: Literal["start", "extend", "hold"]
    reason: str
    seconds: float
    events_per_second: Mapping[str, float] = {}
    detection_power: tuple[MetricPower, ...] = ()

    @property
    def sentence(self) -> str:
        """What follows, and from what."""
        does = {"start": "starts", "extend": "starts, with a part of its extension", "hold": "does not start"}
        return f"Phase {self.phase} {does[self.action]}: {self.reason}"

    @classmethod
    def upgrade(cls, payload: Mapping[str, Any], written: int) -> Mapping[str, Any]:
        """Format 1 called ``detection_power`` ``sights``."""
        return renamed(payload, {"sights": "detection_power"})


class RevisionWarmedUp(LedgerEntry):
    """A new revision is checked before a phase moves traffic to it: its instances and its smoke tests.

    :param phase: ``canary``, ``half`` or ``full``.
    :param component: key of the service in the policy.
    :param service: name of the Cloud Run service.
    :param verdict: ``promote`` or ``rollback``.
    :param reason: one line for people.
    :param instances: instances that are ready; None when Cloud Run does not report them.
    :param tests: smoke tests that ran.
    :param passed: smoke tests that passed.
    :param failed: names of those that failed.
    """

    KEY: ClassVar[str] = "warmed/{phase}/{component}"
    WRITER: ClassVar[str] = "WarmUpOperator"

    phase: str
    component: str
    service: str
    verdict: Verdict
    reason: str
    instances: int | None = None
    tests: int = 0
    passed: int = 0
    failed: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Whether it is fit for traffic."""
        fit = "is fit" if self.verdict is Verdict.PROMOTE else "is not fit"
        return f"New revision of {self.service} {fit} for traffic ({self.phase}): {self.reason}"


class TrafficShifted(LedgerEntry):
    """A service's traffic is moved to a phase's split.

    The entry of the progressive service has no component in its key: the bake and the KPIs read from it when
    the phase's traffic was in force.

    :param phase: ``canary``, ``half`` or ``full``.
    :param component: key of a supporting service in the policy; None for the progressive service.
    :param at: moment in UTC from which the split was in force.
    :param changes: by service, the change.
    :param states: by service, its state afterwards.
    """

    KEY: ClassVar[str] = "shifted/{phase}[/{component}]"
    WRITER: ClassVar[str] = "ShiftTrafficOperator"

    phase: str
    component: str | None = None
    at: datetime
    changes: Mapping[str, SplitChange]
    states: Mapping[str, ServiceState] = {}

    @property
    def sentence(self) -> str:
        """The split in force."""
        shown = "; ".join(f"Traffic of {name}: {change.shown(name)}" for name, change in self.changes.items())
        return f"{shown} ({self.phase})"


class TrafficVerified(LedgerEntry):
    """Requests show which revisions answer: whether the split is served, and not only accepted.

    :param phase: ``canary``, ``half`` or ``full``.
    :param component: key of a supporting service in the policy; None for the progressive service.
    :param service: name of the Cloud Run service.
    :param verdict: ``promote`` or ``rollback``.
    :param reason: one line for people.
    :param counts: answers by revision.
    :param rounds: how often it was counted.
    """

    KEY: ClassVar[str] = "verified/{phase}[/{component}]"
    WRITER: ClassVar[str] = "ShiftTrafficOperator"

    phase: str
    component: str | None = None
    service: str
    verdict: Verdict
    reason: str
    counts: Mapping[str, int] = {}
    rounds: int = 1

    @property
    def sentence(self) -> str:
        """What the requests showed."""
        return f"Traffic of {self.service} checked ({self.phase}): {self.reason}"


class DriftFound(LedgerEntry):
    """Somebody else changed a service, so that the release touches it no more.

    :param phase: id of the task that found it.
    :param service: name of the Cloud Run service.
    :param verdict: always ``rollback``.
    :param reason: what was changed, by whom and when.
    """

    KEY: ClassVar[str] = "drift/{phase}/{service}"
    WRITER: ClassVar[str] = "ShiftTrafficOperator, DeployRevisionsOperator"

    phase: str
    service: str
    verdict: Literal[Verdict.ROLLBACK] = Verdict.ROLLBACK
    reason: str

    @property
    def sentence(self) -> str:
        """What was changed, and by whom."""
        return f"Changed by somebody else: {self.reason}"


class EvidenceRecorded(LedgerEntry):
    """Every check of a bake as it was seen: the verdict can be replayed from it.

    :param phase: ``canary``, ``half`` or ``full``.
    :param round: 1 for the first bake of the phase.
    :param metrics: keys of the metrics, in the order of the rows.
    :param looks: one row per check, see ``analysis/evidence_record.py``.
    :param method: number of the analysis that decided.
    """

    KEY: ClassVar[str] = "evidence/{phase}[/{round}]"
    FORMAT: ClassVar[int] = EVIDENCE_FORMAT
    WRITER: ClassVar[str] = "BakeTrigger"

    phase: PhaseName
    round: int = 1
    metrics: tuple[str, ...]
    looks: tuple[tuple[Any, ...], ...]
    method: int = 1

    @classmethod
    def of(cls, record: EvidenceRecord, *, number: int = 1) -> EvidenceRecorded:
        """Return the entry of a bake's evidence.

        :param record: every check.
        :param number: the bake's round.
        """
        looks = tuple(tuple(row) for row in record.rows)
        return cls(
            phase=record.phase, round=number, metrics=tuple(record.metrics), looks=looks, method=record.method
        )

    def record(self) -> EvidenceRecord:
        """Return the evidence as the analysis takes it.

        :raises ValueError: for a row that does not fit the metrics.
        """
        return EvidenceRecord.of({"format": self.FORMAT, **self.model_dump()})

    @property
    def sentence(self) -> str:
        """How many checks are on record."""
        again = "" if self.round == 1 else f", round {self.round}"
        return f"Evidence of the {self.phase} bake{again} recorded: {len(self.looks)} checks"


class Brake(EntryPart):
    """The emergency brake: the trigger itself restored the traffic.

    :param at: moment in UTC at which the traffic was restored; None when it failed.
    :param changes: by service, the change.
    :param error: why it failed.
    """

    at: datetime | None = None
    changes: Mapping[str, SplitChange] = {}
    error: str | None = None


class PhaseBaked(LedgerEntry, Judged):
    """The verdict of a bake.

    :param phase: ``canary``, ``half`` or ``full``.
    :param round: 1 for the first bake of the phase.
    :param decided_at: moment in UTC of the verdict.
    :param brake: what the emergency brake did, on a rollback verdict.
    """

    KEY: ClassVar[str] = "baked/{phase}[/{round}]"
    WRITER: ClassVar[str] = "BakeSensor"

    phase: PhaseName
    round: int = 1
    decided_at: datetime | None = None
    brake: Brake | None = None

    @property
    def sentence(self) -> str:
        """The verdict, its reason, and what the brake did."""
        after = "" if self.seconds is None else f" after {self.seconds:.0f} s"
        again = "" if self.round == 1 else f" (round {self.round})"
        return f"Bake of {self.phase}{again}: {self.verdict}{after}: {self.reason}{self._brake()}"

    def _brake(self) -> str:
        if self.brake is None:
            return ""
        if self.brake.error is not None:
            return f". The emergency brake failed: {self.brake.error}"
        moved = [
            f"{name}: {change.shown(name)}" for name, change in self.brake.changes.items() if change.changed
        ]
        return f". The emergency brake restored {'; '.join(moved) or 'nothing, it was so already'}"


class BakeAnswered(LedgerEntry):
    """What came of a question about a bake: bake on, roll back, or begin the next phase.

    :param phase: ``canary``, ``half`` or ``full``.
    :param round: of the bake that it ends.
    :param reason: one line: who answered what.
    :param user: who answered; None when nobody did in time.
    :param bake_on: whether the next round begins; also when the metrics turned bad before an answer.
    :param approved: whether the next phase may begin, where a gate asks.
    :param at: moment in UTC of the answer.
    """

    KEY: ClassVar[str] = "person/{phase}[/{round}]"
    FORMAT: ClassVar[int] = 2
    WRITER: ClassVar[str] = "BakeSensor"

    phase: PhaseName
    round: int = 1
    reason: str
    user: Person | None = None
    bake_on: bool
    approved: bool = False
    at: datetime

    @property
    def sentence(self) -> str:
        """Who answered what."""
        asked = "approved for the next one" if self.approved else "needed a decision"
        return f"Phase {self.phase} {asked}: {self.reason}"

    @classmethod
    def upgrade(cls, payload: Mapping[str, Any], written: int) -> Mapping[str, Any]:
        """Format 1 called ``bake_on`` ``watch_on``."""
        return renamed(payload, {"watch_on": "bake_on"})


class GateDecided(InheritableEntry, Judged):
    """The decision at the end of a phase: on to the next one, or back.

    :param phase: ``staging``, ``preparation``, ``canary``, ``half``, ``full``, or ``earlier_region``.
    :param leased_until: until when the services are locked for what follows.
    """

    KEY: ClassVar[str] = "gate/{phase}"
    WRITER: ClassVar[str] = "the gate at the end of each phase (GateOperator)"

    phase: str
    leased_until: datetime | None = None

    @property
    def is_inherited(self) -> bool:
        """The gates before production are about the version; the others are about a region."""
        return self.phase in _GATES_OF_THE_VERSION

    @property
    def sentence(self) -> str:
        """The verdict and its reason."""
        return f"Gate of {self.phase}: {self.verdict}: {self.reason}"
