"""Whether a promoted release got worse after its end, by the metrics that it was judged by."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from slipway.exceptions import ServiceNotFound
from slipway.ledger.entries import LateRegressionFound, RollbackOrdered
from slipway.release.address import service_address
from slipway.release.health import HealthCheck, count_window

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release

#: The watchdog's schedule.
CHECK_SECONDS = 60


def due_window(
    release: Release, record: Record, hook: CloudRunTrafficHook, *, now: datetime
) -> HealthCheck | None:
    """Return the newest window of a promoted release's metrics, None when it is not monitored.

    It is monitored for the policy's time, while its revision has all the traffic of the progressive service,
    and until it is found worse.

    :param release: the newest release of its product that has ended.
    :param record: everything on record of it.
    :param hook: the door to Cloud Run.
    :param now: the moment, in UTC.
    """
    from slipway.hooks.cloud_run.hook import serving_split

    if release.outcome != "promoted" or release.closed_at is None:
        return None
    ends_at = release.closed_at + timedelta(seconds=release.policy.watchdog.monitoring_seconds)
    ended = now - timedelta(seconds=release.policy.slowest_ingestion_seconds)
    began = ended - timedelta(seconds=release.policy.traffic_share.baseline_window_seconds)
    if not release.closed_at <= began or now > ends_at or record.get(LateRegressionFound) is not None:
        return None
    service = release.plan.progressive
    name, revision = service.names["production"], service.revisions["production"]
    try:
        live = hook.get_service(service_address(release.policy, name))
    except ServiceNotFound:
        return None
    if serving_split(live) != {revision: 100}:
        return None
    return HealthCheck(name, revision, began, ended, is_last_try=False)


def rollback_left(release: Release, record: Record, *, now: datetime) -> LateRegressionFound | None:
    """Return the late regression whose rollback a run of the watchdog that died did not start.

    :param release: a release that has ended.
    :param record: everything on record of it.
    :param now: the moment, in UTC.
    """
    found = record.get(LateRegressionFound)
    ordered = any(isinstance(entry.content, RollbackOrdered) for entry in record)
    if found is None or found.action != "roll_back" or ordered:
        return None
    # A rollback that was refused is a person's.
    until = found.ended_at + timedelta(seconds=release.policy.decision.outage_seconds)
    return found if release.outcome == "promoted" and now <= until else None


def find_late_regression(
    release: Release, window: HealthCheck, *, conn_id: str
) -> LateRegressionFound | None:
    """Judge a window, None when nothing in it is worse than the policy's rollback triggers.

    Over the whole time of the monitoring a release that is exactly at its triggers is found worse with the
    policy's ``false_rollback_probability`` at most.

    :param release: the promoted release.
    :param window: the window.
    :param conn_id: connection to the PromQL API.
    :raises MetricsUnavailable: when the source gives no usable answer.
    """
    # The watchdog's DAG file must not wait for SciPy.
    from slipway.analysis.health import late_regressions

    policy = release.policy
    checks = max(1.0, policy.watchdog.monitoring_seconds / CHECK_SECONDS)
    lines = late_regressions(
        policy.metrics,
        asyncio.run(count_window(release, window, conn_id)),
        false_alarm_probability=policy.decision.false_rollback_probability / checks / len(policy.metrics),
    )
    if not lines:
        return None
    return LateRegressionFound(
        service=window.service,
        revision=window.revision,
        lines=tuple(lines),
        began_at=window.began_at.astimezone(UTC),
        ended_at=window.ended_at.astimezone(UTC),
        action=policy.watchdog.on_late_regression,
    )
