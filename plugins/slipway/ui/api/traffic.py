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
    from slipway.ui.api.live import LiveSplit


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


def with_live_split(release: Release, recorded: ServiceTraffic, live: LiveSplit) -> ServiceTraffic:
    """Return a service's traffic as Cloud Run has it; as the record has it, and why, where it cannot be read.

    :param release: the release.
    :param recorded: as the record has it.
    :param live: what Cloud Run says.
    """
    if live.split is None:
        return recorded.model_copy(update={"note": f"{live.trouble}. This is what the record has"})
    found = shares(release, recorded.service, live.split)
    differs = {one.revision: one.percent for one in found} != {
        one.revision: one.percent for one in recorded.shares
    }
    on_record = ", ".join(f"{one.version} {one.percent} %" for one in recorded.shares) or "none"
    return recorded.model_copy(
        update={
            "shares": found,
            "source": "cloud_run",
            "read_at": live.read_at,
            "note": f"The record has another split: {on_record}" if differs else "",
        }
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
