"""Where the traffic of each service is and was, as the record has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from slipway.ledger.chain import Record
from slipway.ledger.entries.values import version_words
from slipway.ledger.timeline import TrafficStep, traffic
from slipway.ui.api.models.traffic import ServiceTraffic, Share, SplitStep

if TYPE_CHECKING:
    from slipway.ledger.ledger import Release


def recorded_traffic(release: Release, record: Record) -> tuple[ServiceTraffic, ...]:
    """Return the traffic of every production service; the one whose evidence decides comes first.

    :param release: the release.
    :param record: everything on record of it.
    """
    progressive = release.plan.progressive.names["production"]
    found = traffic(release, record)
    return tuple(
        _service(release, name, found[name], decides=name == progressive)
        for name in sorted(found, key=lambda name: (name != progressive, name))
    )


def shares(release: Release, service: str, split: Mapping[str, int]) -> tuple[Share, ...]:
    """Return the revisions with traffic, the release's own last.

    :param release: the release.
    :param service: name of the production service.
    :param split: percent by revision.
    """
    own = {one.names["production"]: one.revisions["production"] for one in release.plan.services.values()}
    found = [
        Share(
            revision=revision,
            version=version_words(revision, service),
            percent=percent,
            is_new=revision == own.get(service),
        )
        for revision, percent in split.items()
        if percent
    ]
    return tuple(sorted(found, key=lambda share: share.is_new))


def _service(release: Release, name: str, steps: Sequence[TrafficStep], *, decides: bool) -> ServiceTraffic:
    history = tuple(
        SplitStep(
            at=step.at, shares=shares(release, name, step.split), new_percent=step.new_percent, why=step.why
        )
        for step in steps
    )
    return ServiceTraffic(
        service=name,
        decides=decides,
        shares=history[-1].shares,
        source="record",
        read_at=history[-1].at,
        note="",
        history=history,
        console_url=_console(release, name),
    )


def _console(release: Release, service: str) -> str:
    production = release.policy.environments["production"]
    return (
        f"https://console.cloud.google.com/run/detail/{quote(production.location)}/{quote(service)}/metrics"
        f"?project={quote(production.project_id)}"
    )
