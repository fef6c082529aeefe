"""The health of what serves again after a rollback, by the metrics that the release was judged by."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from slipway.exceptions import MetricsUnavailable
from slipway.ledger.entries import HealthVerified, TrafficRestoration
from slipway.release.address import service_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slipway.analysis.counts import Counts
    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release


@dataclass(frozen=True)
class HealthCheck:
    """A check of a revision's health that is due.

    :param service: name of the production service.
    :param revision: the revision that serves again.
    :param began_at: begin of the window.
    :param ended_at: its end; the metrics source has all of it by now.
    :param is_last_try: whether a metrics source that gives no answer is not asked again.
    """

    service: str
    revision: str
    began_at: datetime
    ended_at: datetime
    is_last_try: bool


def due_check(release: Release, record: Record, *, now: datetime) -> HealthCheck | None:
    """Return the check of the progressive service's health that is due, None when none is.

    The window begins when the traffic was restored, and is as long as the one from which the traffic before a
    phase is measured.

    :param release: the release.
    :param record: everything on record of it.
    :param now: the moment, in UTC.
    """
    service = release.plan.progressive.names["production"]
    if release.outcome != "rolled_back" or record.get(HealthVerified) is not None:
        return None
    restored = next((e for e in reversed(record) if isinstance(e.content, TrafficRestoration)), None)
    if restored is None or not isinstance(restored.content, TrafficRestoration):
        return None
    change = restored.content.changes.get(service)
    stable = dict(release.stable.get(service, {}))
    if change is None or not stable or dict(change.after) != stable:
        return None
    rules, policy = release.policy.decision, release.policy
    ended = restored.at + timedelta(seconds=policy.traffic_share.baseline_window_seconds)
    due = ended + timedelta(seconds=policy.slowest_ingestion_seconds)
    latest = due + timedelta(seconds=rules.outage_seconds)
    # An older rollback, of before there was this check, is not checked any more.
    if not due <= now <= latest + timedelta(seconds=rules.outage_seconds):
        return None
    (revision, *_) = stable
    return HealthCheck(service, revision, restored.at, ended, is_last_try=now >= latest)


def verify_health(release: Release, check: HealthCheck, *, conn_id: str) -> HealthVerified:
    """Judge what serves again.

    :param release: the release that was rolled back.
    :param check: the check that is due.
    :param conn_id: connection to the PromQL API.
    :raises MetricsUnavailable: when the source gives no usable answer, and may be asked again.
    """
    # The watchdog's DAG file must not wait for SciPy.
    from slipway.analysis.health import judge_health

    fields = {
        "service": check.service,
        "revision": check.revision,
        "began_at": check.began_at.astimezone(UTC),
        "ended_at": check.ended_at.astimezone(UTC),
    }
    try:
        counts = asyncio.run(count_window(release, check, conn_id))
    except MetricsUnavailable as error:
        if not check.is_last_try:
            raise
        return HealthVerified.model_validate({**fields, "healthy": None, "lines": (str(error),)})
    lines = judge_health(
        release.policy.metrics,
        counts,
        false_alarm_probability=release.policy.decision.false_rollback_probability,
    )
    known = [line.healthy for line in lines if line.healthy is not None]
    told = tuple(line.reason for line in lines if line.healthy is False) or tuple(
        line.reason for line in lines
    )
    healthy = all(known) if known else None
    return HealthVerified.model_validate({**fields, "healthy": healthy, "lines": told})


async def count_window(release: Release, check: HealthCheck, conn_id: str) -> Mapping[str, Counts]:
    """Count the events of a window, by metric.

    :param release: the release whose policy names the metrics.
    :param check: of which revision, from when to when.
    :param conn_id: connection to the PromQL API.
    :raises MetricsUnavailable: when the source gives no usable answer.
    """
    from slipway.analysis.counts import Counts
    from slipway.hooks.metrics.promql import PromQLHook
    from slipway.hooks.metrics.reader import MetricReader
    from slipway.policy.metrics import LevelMetric

    async with PromQLHook(conn_id=conn_id, replica_labels=release.policy.decision.replica_labels) as hook:
        reader = MetricReader(
            hook,
            release.policy.metrics,
            service=service_address(release.policy, check.service),
            revisions=[check.revision],
        )
        readings = await reader.read_window(
            began=check.began_at.timestamp(), ended=check.ended_at.timestamp()
        )
    # A level has no events to add up.
    return {
        key: readings[-1][0][key]
        if isinstance(metric, LevelMetric)
        else sum((counts[key] for (counts,) in readings[1:]), Counts())
        for key, metric in release.policy.metrics.items()
    }
