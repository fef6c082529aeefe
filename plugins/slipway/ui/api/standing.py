"""How it stands with a release, from its record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast, get_args

from slipway.ledger.audit import duration
from slipway.ledger.bakes import current_bake
from slipway.ledger.chain import Record
from slipway.ledger.entries import DeploymentChecked, PhaseBaked, ReleaseLost, ReleaseOpened, TrafficShifted
from slipway.ledger.timeline import ending, is_rollback_started, phases, rollback_reason
from slipway.policy.release import PhaseName
from slipway.ui.api.models.base import State, StepName
from slipway.ui.api.models.listing import Progress
from slipway.ui.api.models.release import Standing, Waiting
from slipway.ui.api.steps import PHASES, phase_of

if TYPE_CHECKING:
    from slipway.ledger.ledger import Release
    from slipway.ui.api.models.evidence import BakeEvidence

#: States of a release that may still be promoted.
GOES_ON: tuple[State, ...] = ("running", "waiting", "on_hold")
#: Progress of a request that was refused before the first phase.
NOT_BEGUN = Progress(phase=None, number=0, of=len(PHASES), title="Preflight")


def state_of(release: Release, record: Record, waiting: Waiting | None) -> State:
    """Return how it stands with a release.

    :param release: the release.
    :param record: everything on record of it.
    :param waiting: the question that is open.
    """
    if release.outcome is not None:
        return cast("State", release.outcome)
    if any(lost.action == "notify" for lost in record.of_kind(ReleaseLost)):
        return "lost"
    if is_rollback_started(record):
        return "rolling_back"
    if _needs_a_decision(record):
        return "on_hold"
    return "running" if waiting is None else "waiting"


def standing(
    release: Release, record: Record, waiting: Waiting | None, bake: BakeEvidence | None, *, now: datetime
) -> Standing:
    """Return how it stands, for the first of the four questions.

    :param release: the release.
    :param record: everything on record of it.
    :param waiting: the question that is open.
    :param bake: the bake that goes on; None when none does.
    :param now: moment of the answer.
    """
    state = state_of(release, record, waiting)
    opened, checked = record.get(ReleaseOpened), record.get(DeploymentChecked)
    ends_at, deadline = _time(release, record, waiting) if state in GOES_ON else (None, None)
    return Standing(
        state=state,
        summary=summary(release, record, state, waiting, bake),
        reason=_reason(release, record, state, waiting, bake),
        missed=() if checked is None else tuple(checked.missed),
        asked_by=release.actor,
        asked_because=None if opened is None else opened.reason,
        opened_at=release.opened_at,
        ended_at=release.closed_at,
        phase=phase_of(record),
        phase_ends_at=ends_at,
        phase_deadline=deadline,
        seconds_left=None if ends_at is None else max(0.0, round((ends_at - now).total_seconds(), 1)),
        waiting=waiting,
    )


def summary(
    release: Release,
    record: Record,
    state: State,
    waiting: Waiting | None = None,
    bake: BakeEvidence | None = None,
) -> str:
    """Say in one line how it stands with a release, or how it ended and why.

    :param release: the release.
    :param record: everything on record of it.
    :param state: how it stands.
    :param waiting: the question that is open.
    :param bake: the bake that goes on; None when none does.
    """
    if state not in GOES_ON or not record:
        words = ending(release, record)
        return words[:1].upper() + words[1:]
    if waiting is not None:
        doing = waiting.subject
    elif bake is not None:
        doing = f"bake, {duration(bake.seconds)} of {duration(bake.bake_seconds)}: {bake.reason}"
    else:
        doing = record[-1].content.sentence
    found = progress_at(phase_of(record))
    return f"{found.title}, phase {found.number} of {found.of}: {doing}"


def progress_at(phase: StepName) -> Progress:
    """Return how far a release has come.

    :param phase: the phase that it is in, or ended in.
    """
    return Progress(
        phase=phase, number=list(PHASES).index(phase) + 1, of=len(PHASES), title=PHASES[phase].title
    )


def _reason(
    release: Release, record: Record, state: State, waiting: Waiting | None, bake: BakeEvidence | None
) -> str:
    if state not in GOES_ON:
        return release.reason or rollback_reason(record)
    if waiting is not None:
        return waiting.subject
    if bake is not None:
        return bake.reason
    decided = phases(record)
    return "; ".join(decided[-1].lines) if decided else ""


def _needs_a_decision(record: Record) -> bool:
    return any(
        baked is not None and baked.needs_a_person
        for baked in (_last_bake(record, phase) for phase in get_args(PhaseName))
    )


def _last_bake(record: Record, phase: PhaseName) -> PhaseBaked | None:
    bake, _ = current_bake(record, phase)
    return record.get(PhaseBaked, phase=bake.phase, round=bake.number)


def _time(
    release: Release, record: Record, waiting: Waiting | None
) -> tuple[datetime | None, datetime | None]:
    """Return until when the phase takes at least, and at most."""
    if waiting is not None:
        return waiting.until, None
    phase = phase_of(record)
    rules = next((found for name, found in release.policy.phases.items() if name == phase), None)
    if rules is None:
        return None, None
    bake, answer = current_bake(record, cast("PhaseName", phase))
    shifted = record.get(TrafficShifted, phase=bake.phase)
    began = answer.at if answer is not None else None if shifted is None else shifted.at
    if began is None or record.get(PhaseBaked, phase=bake.phase, round=bake.number) is not None:
        return None, None
    least = began + timedelta(seconds=rules.bake_seconds)
    return least, least + timedelta(seconds=rules.extension_seconds)
