"""A release in one answer."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from slipway.ui.api.evidence import bakes
from slipway.ui.api.links import Links
from slipway.ui.api.models.release import ReleaseNow
from slipway.ui.api.standing import standing
from slipway.ui.api.steps import steps
from slipway.ui.api.traffic import recorded_traffic

if TYPE_CHECKING:
    from slipway.ledger.ledger import Ledger

POLL_SECONDS = 2.0


def release_now(ledger: Ledger, release_id: str, links: Links, *, now: datetime) -> ReleaseNow:
    """Return everything for the four questions.

    :param ledger: the record of releases.
    :param release_id: the release.
    :param links: addresses.
    :param now: moment of the answer.
    """
    release, record = ledger.release(release_id), ledger.entries(release_id)
    baked = bakes(release, record, ledger.drawings.kept(release_id), links)
    return ReleaseNow(
        now=now,
        live=release.outcome is None,
        poll_seconds=POLL_SECONDS,
        id=release.release_id,
        version=release.version,
        region=release.policy.region,
        services=tuple(service.names["production"] for service in release.plan.services.values()),
        policy=release.plan.policy_name,
        run_id=release.run_id,
        run_url=links.run(release.run_id),
        standing=standing(release, record, None, reason="", now=now),
        steps=tuple(steps(release, record, links, waiting=False)),
        traffic=recorded_traffic(release, record),
        evidence=baked[-1] if baked else None,
        actions=(),
    )
