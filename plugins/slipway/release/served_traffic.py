"""The traffic of a service before a phase, from which the phase's detection power follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.analysis.counts import Counts
from slipway.exceptions import MetricsUnavailable
from slipway.hooks.metrics.reader import MetricReader
from slipway.release.address import service_address

if TYPE_CHECKING:
    from slipway.hooks.metrics.promql import PromQLHook
    from slipway.ledger.ledger import Release
    from slipway.policy.release import PhaseName


@dataclass(frozen=True)
class ServedTraffic:
    """Events of the progressive service at all its revisions, per metric.

    :param counts: by metric.
    :param seconds: length of the window in which they were counted.
    """

    counts: Mapping[str, Counts]
    seconds: float

    def expected(self, percent: float) -> dict[str, float]:
        """Return the events/s per metric that a revision is expected to get.

        :param percent: its share of the traffic, 0..100.
        """
        return {
            key: counts.total / self.seconds * percent / 100
            for key, counts in self.counts.items()
            if counts.total > 0
        }

    @property
    def healthy(self) -> dict[str, float]:
        """Share of the events over each target, plus half an event: none in a window does not prove none."""
        return {
            key: (counts.over_target + 0.5) / (counts.total + 1)
            for key, counts in self.counts.items()
            if counts.is_possible
        }


async def read_traffic(hook: PromQLHook, release: Release, *, until: float) -> ServedTraffic:
    """Count the events of the progressive service over the policy's ``baseline_window_seconds``.

    :param hook: PromQL hook.
    :param release: the release.
    :param until: end of the window, seconds since the epoch; the source must have all of it.
    :raises MetricsUnavailable: when the source gives no usable answer for a metric that does more than warn.
    """
    service, policy = release.plan.progressive, release.policy
    name = service.names["production"]
    reader = MetricReader(
        hook,
        policy.metrics,
        service=service_address(policy, name),
        revisions=[service.revisions["production"], *release.stable[name]],
    )
    seconds = policy.traffic_share.baseline_window_seconds
    readings = await reader.read_window(began=until - seconds, ended=until)
    revisions = [revision for reading in readings for revision in reading]
    for key, metric in policy.metrics.items():
        why = next((found[key].unanswered or found[key].odd for found in revisions), "")
        if why and not metric.may_be_missing:
            raise MetricsUnavailable(f"metrics.{key}: {why}")
    counts = {key: sum((found[key] for found in revisions), Counts()) for key in policy.metrics}
    return ServedTraffic(counts, seconds)


async def forecast_traffic(
    conn_id: str, release: Release, phase: PhaseName, *, now: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the new revision's expected events/s in a phase, and the healthy shares, both per metric.

    :param conn_id: connection to the PromQL API.
    :param release: the release.
    :param phase: ``canary``, ``half`` or ``full``.
    :param now: seconds since the epoch.
    :raises MetricsUnavailable: when the source gives no usable answer.
    """
    from slipway.hooks.metrics.promql import PromQLHook

    async with PromQLHook(conn_id=conn_id, replica_labels=release.policy.decision.replica_labels) as hook:
        served = await read_traffic(hook, release, until=now - release.policy.slowest_ingestion_seconds)
    expected = served.expected(release.policy.phases[phase].traffic_percent)
    return expected | release.policy.synthetic_rates, served.healthy
