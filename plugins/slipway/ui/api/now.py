"""A release in one answer: what all viewers share is read once, what one may do is added for each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.ledger.bakes import current_bake
from slipway.ledger.chain import Record
from slipway.ledger.entries import PhaseBaked, RollbackOrdered
from slipway.policy.release import PhaseName
from slipway.ui.api.actions import actions
from slipway.ui.api.current import Shared
from slipway.ui.api.evidence import bakes, running_bake
from slipway.ui.api.links import Links
from slipway.ui.api.live import LiveSplits
from slipway.ui.api.models.evidence import BakeEvidence
from slipway.ui.api.models.release import ReleaseNow, Report, Waiting
from slipway.ui.api.models.traffic import ServiceTraffic
from slipway.ui.api.permits import Permits
from slipway.ui.api.questions import open_questions
from slipway.ui.api.standing import standing, state_of
from slipway.ui.api.steps import phase_of, steps
from slipway.ui.api.traffic import recorded_traffic, with_live_split
from slipway.ui.reports import kept_report

if TYPE_CHECKING:
    from slipway.ledger.ledger import Ledger, Release

POLL_SECONDS = 2.0
_FRESH_SECONDS = 1.0
#: Releases that are kept in memory, each of some 100 KB.
_MOST = 64
#: After its end a release's services are still read from Cloud Run for this long.
_LIVE_AFTER_END = timedelta(hours=1)


@dataclass(frozen=True)
class OnRecord:
    """What the ledger has of a release.

    :param bakes: every bake that has a verdict.
    :param evidence: of the bake that runs or was the last.
    """

    release: Release
    record: Record
    traffic: Sequence[ServiceTraffic]
    bakes: tuple[BakeEvidence, ...]
    evidence: BakeEvidence | None


class ReleasesNow:
    """Answers for every release, shared by all viewers of this process."""

    def __init__(self) -> None:
        self._on_record: Shared[OnRecord] = Shared(fresh_seconds=_FRESH_SECONDS, most=_MOST)
        self._questions: Shared[Waiting | None] = Shared(fresh_seconds=_FRESH_SECONDS, most=_MOST)
        self._live = LiveSplits()

    def answer(self, ledger: Ledger, release_id: str, permits: Permits, links: Links) -> ReleaseNow:
        """Return everything for the four questions.

        :param ledger: the record of releases.
        :param release_id: the release.
        :param permits: what the user may do.
        :param links: addresses.
        :raises ReleaseUnknown: when it was never opened.
        """
        now = datetime.now(UTC)
        found = self.on_record(ledger, release_id, links)
        release, record = found.release, found.record
        # A release that is closed is asked about when somebody has ordered its rollback.
        asked = release.outcome is None or any(record.of_kind(RollbackOrdered))
        waiting = self._question(release) if asked else None
        state = state_of(release, record, waiting)
        bake = found.evidence if found.evidence is not None and found.evidence.running else None
        return ReleaseNow(
            now=now,
            live=release.outcome is None or waiting is not None,
            poll_seconds=POLL_SECONDS,
            id=release.release_id,
            version=release.version,
            region=release.policy.region,
            services=tuple(service.names["production"] for service in release.plan.services.values()),
            policy=release.plan.policy_name,
            run_id=release.run_id,
            run_url=links.run(release.run_id),
            report=_report(release, record, links),
            standing=standing(release, record, waiting, bake, now=now),
            steps=tuple(steps(release, record, links, waiting=waiting is not None)),
            traffic=tuple(self._traffic(release, found.traffic, now)),
            evidence=found.evidence,
            actions=actions(release, state, waiting, permits, links, now=now),
        )

    def on_record(self, ledger: Ledger, release_id: str, links: Links) -> OnRecord:
        """Return what the ledger has of a release.

        :param ledger: the record of releases.
        :param release_id: the release.
        :param links: addresses.
        :raises ReleaseUnknown: when it was never opened.
        """
        return self._on_record.get(
            f"{links.page} {release_id}",
            lambda: ledger.version(release_id),
            lambda: _read(ledger, release_id, links),
        )

    def _question(self, release: Release) -> Waiting | None:
        # Airflow's tables have no version of their own: it is read anew once what is kept is not fresh.
        run_id = release.run_id
        return self._questions.get(
            run_id, object, lambda: open_questions({run_id: release.release_id}).get(run_id)
        )

    def _traffic(
        self, release: Release, recorded: Sequence[ServiceTraffic], now: datetime
    ) -> Sequence[ServiceTraffic]:
        if release.closed_at is not None and now > release.closed_at + _LIVE_AFTER_END:
            return recorded
        production = release.policy.environments["production"]
        return [
            with_live_split(
                release,
                one,
                self._live.of(ServiceAddress(production.project_id, production.location, one.service)),
            )
            for one in recorded
        ]


def etag(answer: ReleaseNow) -> str:
    """Return the tag of an answer, which is the same while nothing but the time has changed.

    :param answer: the answer.
    """
    text = answer.model_dump_json(
        exclude={"now": True, "standing": {"seconds_left"}, "traffic": {"__all__": {"read_at"}}}
    )
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _read(ledger: Ledger, release_id: str, links: Links) -> OnRecord:
    release, record = ledger.release(release_id), ledger.entries(release_id)
    baked = bakes(release, record, ledger.drawings.kept(release_id), links)
    return OnRecord(
        release,
        record,
        recorded_traffic(release, record),
        baked,
        _running(ledger, release, record) or (baked[-1] if baked else None),
    )


def _report(release: Release, record: Record, links: Links) -> Report | None:
    """Return the newest report of a release."""
    newest = kept_report(record)
    if newest is None:
        return None
    return Report(url=links.report(release.release_id), met=newest.met, criteria=newest.criteria)


def _running(ledger: Ledger, release: Release, record: Record) -> BakeEvidence | None:
    """Return the bake that goes on, as of its newest check."""
    phase = phase_of(record)
    if release.outcome is not None or phase not in release.policy.phases:
        return None
    bake, _ = current_bake(record, cast("PhaseName", phase))
    if record.get(PhaseBaked, phase=bake.phase, round=bake.number) is not None:
        return None
    check = ledger.checks.newest(release.release_id, bake)
    return None if check is None else running_bake(release, bake, check)
