"""What the team reads about a release: made from its record alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slipway.ledger.audit import duration
from slipway.ledger.chain import Record
from slipway.ledger.entries import FlagsRolledBack, IncidentReported, InfrastructureChecked, ReleaseOpened
from slipway.ledger.timeline import TrafficStep, rollback_reason, traffic

if TYPE_CHECKING:
    from slipway.ledger.ledger import Release


def opened_message(release: Release, opened: ReleaseOpened, infrastructure: InfrastructureChecked) -> str:
    """Say who releases what, where a rollback returns to, and what of the infrastructure is not sound.

    :param release: the release.
    :param opened: the entry that opened it.
    :param infrastructure: what was checked of it.
    """
    services = ", ".join(service.names["production"] for service in release.plan.services.values())
    lines = [
        f"{opened.sentence}.",
        f"Locked in {release.policy.region} until the release ends: {services}.",
        *(f"{warning}." for warning in infrastructure.warnings),
    ]
    return "\n".join(lines)


def outcome_message(release: Release, record: Record) -> str:
    """Say how a release ended and why, how much traffic its revisions had for how long, and who met them.

    :param release: the release, which is closed.
    :param record: everything on record of it.
    """
    lines = [f"Requested by {release.actor}. {release.reason or rollback_reason(record)}."]
    if release.closed_at is not None:
        lines.append(
            f"Ended {duration((release.closed_at - release.opened_at).total_seconds())} after it began."
        )
    lines += [_served(name, steps) for name, steps in traffic(release, record).items()]
    incident = record.get(IncidentReported)
    if incident is not None:
        lines.append(f"{incident.met_words}.")
    flags = record.get(FlagsRolledBack, environment="production")
    if flags is not None:
        lines.append(f"{flags.sentence}.")
    return "\n".join(lines)


def _served(service: str, steps: Sequence[TrafficStep]) -> str:
    served = [step for step in steps if step.new_percent]
    if not served:
        return f"{service}: the new revision had no traffic."
    began, last = served[0].at, steps[-1]
    if last.new_percent:
        return (
            f"{service}: {last.new_percent} % on the new revision, which serves since {began:%H:%M:%S} UTC."
        )
    most = max(step.new_percent for step in served)
    return (
        f"{service}: the new revision had up to {most} % of the traffic from {began:%H:%M:%S} to"
        f" {last.at:%H:%M:%S} UTC ({duration((last.at - began).total_seconds())}); now it has none."
    )
