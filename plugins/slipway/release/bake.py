"""What a bake begins with: the moment from which it counts, and whether there is anything to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.analysis.verdict import Verdict
from slipway.exceptions import ReleaseConflict
from slipway.ledger.audit import audit, duration
from slipway.ledger.entries import PhaseBaked, TrafficShifted
from slipway.release.drift import stable_revision

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from slipway.ledger.bakes import Bake
    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release
    from slipway.policy.release import PhaseName


def require_shifted(release: Release, record: Record, phase: PhaseName) -> TrafficShifted:
    """Return the shift that a phase bakes from.

    :param release: the release of this run.
    :param record: everything on record of it.
    :param phase: ``canary``, ``half`` or ``full``.
    :raises ReleaseConflict: when the release is closed, or the phase's traffic was not shifted.
    """
    if release.outcome is not None:
        raise ReleaseConflict(
            f"release {release.release_id}: already {release.outcome}; there is nothing to bake"
        )
    shifted = record.get(TrafficShifted, phase=phase)
    if shifted is None:
        raise ReleaseConflict(
            f"release {release.release_id}: no traffic shift of phase {phase} on record; nothing to bake"
        )
    return shifted


def skipped_bake(release: Release, phase: PhaseName) -> PhaseBaked | None:
    """Promote a phase without a bake: without a stable revision there is no traffic to split.

    :param release: the release of this run.
    :param phase: ``canary``, ``half`` or ``full``.
    :return: the entry to put on record; None when the phase has to bake.
    """
    has_all = release.policy.phases[phase].traffic_percent == 100
    if has_all or stable_revision(release, release.plan.progressive) is not None:
        return None
    return PhaseBaked(
        phase=phase,
        verdict=Verdict.PROMOTE,
        reason="skipped: first release of the service, its new revision has all the traffic already"
        " and is judged in the last phase",
    )


def announce_bake(log: FilteringBoundLogger, release: Release, bake: Bake) -> None:
    """Write the audit line with which a bake begins.

    :param log: the task's log.
    :param release: the release of this run.
    :param bake: the round that begins.
    """
    phase = release.policy.phases[bake.phase]
    audit(
        log,
        f"Bake of {bake.title} at {phase.traffic_percent} % runs for {duration(phase.bake_seconds)},"
        f" at most {duration(phase.bake_seconds + phase.extension_seconds)}",
        release=release.release_id,
        entry=f"baking/{bake.phase}",
        round=bake.number,
        traffic_percent=phase.traffic_percent,
        bake_seconds=phase.bake_seconds,
        extension_seconds=phase.extension_seconds,
        metrics=list(release.policy.metrics),
    )
