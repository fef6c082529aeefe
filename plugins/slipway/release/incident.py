"""The incident report of a release that was rolled back after its revision had traffic."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from slipway.analysis.verdict import Verdict
from slipway.ledger.entries import IncidentReported, IncidentStep
from slipway.ledger.entries.values import split_words
from slipway.ledger.timeline import phases, rollback_reason, traffic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from slipway.hooks.postgres.product_records import Met
    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release

ANSWER_SECONDS = 20
_log = logging.getLogger(__name__)


def incident_of(release: Release, record: Record) -> IncidentReported | None:
    """Return what happened while a rolled-back release's revisions had traffic; None when they never had any.

    Nothing keeps the report from being written: what the product does not say is named as not counted.

    :param release: the release, which is rolled back.
    :param record: everything on record of it.
    """
    steps = traffic(release, record)
    numbers = {name: [n for n, step in enumerate(found) if step.new_percent] for name, found in steps.items()}
    served = {name: found for name, found in numbers.items() if found}
    if not served:
        return None
    began = min(steps[name][found[0]].at for name, found in served.items())
    # What comes after the last split with the new revision ends it: a later step may only say so again.
    ends = [steps[name][found[-1] + 1 :][:1] for name, found in served.items()]
    own = {s.names["production"]: s.revisions["production"] for s in release.plan.services.values()}
    revisions = {name: own[name] for name in served}
    met, uncounted = _who_met(release, list(revisions.values()), since=began)
    return IncidentReported(
        reason=release.reason or rollback_reason(record),
        revisions=revisions,
        most_percent={name: max(step.new_percent for step in steps[name]) for name in served},
        began_at=began,
        ended_at=max(step.at for (step,) in ends) if all(ends) else None,
        evidence=tuple(_evidence(record)),
        timeline=tuple(sorted(_timeline(release, record), key=lambda step: step.at)),
        requests=None if met is None else met.requests,
        users=None if met is None else met.users,
        sessions=None if met is None else met.sessions,
        uncounted=uncounted,
    )


def _who_met(release: Release, revisions: Sequence[str], *, since: datetime) -> tuple[Met | None, str]:
    from slipway.hooks.postgres.product_records import ProductRecordsHook

    if release.policy.environments["production"].database is None:
        return None, "the product has no database that records who met a revision"
    connection = release.policy.database("production").connection
    try:
        hook = ProductRecordsHook(connection, answer_seconds=ANSWER_SECONDS)
        return hook.who_met(revisions, since=since), ""
    except Exception as error:  # noqa: BLE001  whatever it is, the release must be closed and the team notified
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        _log.warning("Who met the rolled-back revision could not be counted: %s", why)
        return None, why


def _evidence(record: Record) -> Iterator[str]:
    for decision in phases(record):
        if decision.verdict != Verdict.PROMOTE:
            yield from (f"{decision.phase}: {line}" for line in decision.lines)


def _timeline(release: Release, record: Record) -> Iterator[IncidentStep]:
    yield IncidentStep(at=release.opened_at, what=f"release opened, requested by {release.actor}")
    for decision in phases(record):
        yield IncidentStep(
            at=decision.at, what=f"{decision.phase}: {decision.verdict}: {'; '.join(decision.lines)}"
        )
    for name, steps in traffic(release, record).items():
        # The first is what served when the release began.
        for step in steps[1:]:
            yield IncidentStep(at=step.at, what=f"{name}: {split_words(step.split, name)} ({step.why})")
