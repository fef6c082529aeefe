"""The phases of a release for the stepper: how each stands, from when to when, and what its gate decided."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from slipway.analysis.verdict import Verdict
from slipway.ledger.chain import Record
from slipway.ledger.entries import ApprovalDecided, BakeAnswered, GateDecided, TrafficShifted
from slipway.ledger.timeline import is_rollback_started
from slipway.ui.api.links import Links
from slipway.ui.api.models.base import StepName, StepState
from slipway.ui.api.models.release import Step, StepGate

if TYPE_CHECKING:
    from slipway.ledger.ledger import Release

EVIDENCE = "evidence"


@dataclass(frozen=True)
class PhaseOfRelease:
    """A phase as people read it.

    :param group: its task group in the DAG of the releases.
    """

    title: str
    group: str


PHASES: Mapping[StepName, PhaseOfRelease] = {
    "staging": PhaseOfRelease("Staging validation", "phase_1_staging_validation"),
    "preparation": PhaseOfRelease("Production preparation", "phase_2_production_preparation"),
    "canary": PhaseOfRelease("Canary", "phase_3_canary"),
    "half": PhaseOfRelease("Gradual increase", "phase_4_gradual_increase"),
    "full": PhaseOfRelease("Full rollout", "phase_5_full_rollout"),
}


def gates_of(record: Record) -> dict[str, tuple[datetime, GateDecided]]:
    """Return by phase what its gate decided, and when.

    :param record: everything on record of the release.
    """
    decided = ((entry.at, entry.content) for entry in record)
    return {content.phase: (at, content) for at, content in decided if isinstance(content, GateDecided)}


def current_phase(gates: Mapping[str, Verdict], reached: Collection[str] = ()) -> StepName:
    """Return the phase that a release is in, or ended in.

    :param gates: by phase, the verdict of its gate.
    :param reached: phases that have moved traffic.
    """
    order: list[StepName] = list(PHASES)
    last = max((order.index(phase) for phase in order if phase in gates or phase in reached), default=0)
    promoted = gates.get(order[last]) is Verdict.PROMOTE
    return order[min(last + promoted, len(order) - 1)]


def phase_of(record: Record) -> StepName:
    """Return the phase that a release is in, or ended in.

    :param record: everything on record of it.
    """
    gates = {phase: gate.verdict for phase, (_, gate) in gates_of(record).items()}
    return current_phase(gates, {shifted.phase for shifted in record.of_kind(TrafficShifted)})


def steps(release: Release, record: Record, links: Links, *, waiting: bool) -> Iterator[Step]:
    """Yield the phases in their order.

    :param release: the release.
    :param record: everything on record of it.
    :param links: addresses.
    :param waiting: whether the phase waits for a person.
    """
    gates = gates_of(record)
    order, now = list(PHASES), phase_of(record)
    stopped = release.outcome is not None or is_rollback_started(record)
    began: datetime | None = release.opened_at
    for phase, shown in PHASES.items():
        at, gate = gates.get(phase, (None, None))
        state: StepState
        if gate is not None:
            passed = gate.verdict is Verdict.PROMOTE
            state = "failed" if not passed else "inherited" if gate.inherited_from else "passed"
        elif phase == now:
            state = "failed" if stopped else "waiting" if waiting else "running"
        elif order.index(phase) < order.index(now):
            state = "passed"
        else:
            state = "not_reached" if stopped else "pending"
        yield Step(
            phase=phase,
            title=shown.title,
            state=state,
            traffic_percent=_percent(release, phase),
            began_at=began if state not in ("pending", "not_reached") else None,
            ended_at=at or (release.closed_at if state == "failed" else None),
            gate=None if gate is None or at is None else _gate(at, gate, record),
            group_url=links.group(release.run_id, shown.group),
        )
        began = at


def _percent(release: Release, phase: str) -> int | None:
    return next(
        (rules.traffic_percent for name, rules in release.policy.phases.items() if name == phase), None
    )


def _gate(at: datetime, gate: GateDecided, record: Record) -> StepGate:
    return StepGate(
        verdict=gate.verdict.value,
        reason="; ".join(gate.evidence),
        decided_at=at,
        decided_by=_decided_by(gate.phase, record),
    )


def _decided_by(phase: str, record: Record) -> str:
    """Return the person whose answer the gate rests on, or that the evidence decided."""
    if phase == "preparation":
        approval = record.get(ApprovalDecided)
        return approval.user.name if approval is not None and approval.user is not None else EVIDENCE
    answers = [answer for answer in record.of_kind(BakeAnswered) if answer.phase == phase]
    last = answers[-1] if answers else None
    return last.user.name if last is not None and last.user is not None and not last.bake_on else EVIDENCE
