"""Operators that read the metrics before traffic moves."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from slipway.exceptions import ServiceNotFound
from slipway.ledger.audit import audit
from slipway.ledger.entries import DetectionPowerForecast, MetricPower
from slipway.operators.base import PreflightOperator, ReleaseOperator
from slipway.policy.release import PhaseName
from slipway.release.address import service_address

if TYPE_CHECKING:
    from airflow.sdk import Context


class CheckMetricsOperator(PreflightOperator):
    """Refuse a release that cannot be judged.

    Every query must give an answer that counts can rest on, and every latency limit must be a bucket edge of
    its histogram, or have a lower one that stands in for it.

    :param promql_conn_id: connection to the PromQL API.
    :return: the bucket edges found per metric.
    :raises AirflowSkipException: when the service does not exist yet.
    :raises EvidenceUnusable: naming the metric, the query and its answer.
    :raises BucketEdgeMissing: naming the metric, the limit and the edges found.
    :raises MetricsUnavailable: when the source gives no usable answer.
    """

    def __init__(self, *, promql_conn_id: str = "slipway_promql", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.promql_conn_id = promql_conn_id

    def check(self, context: Context) -> dict[str, list[float]]:
        """Check the histograms of the revisions that serve now."""
        from slipway.hooks.cloud_run.hook import serving_split
        from slipway.hooks.metrics.bucket_edges import check_bucket_edges, stood_in
        from slipway.hooks.metrics.promql import PromQLHook
        from slipway.hooks.metrics.query_check import check_queries

        request = self.request()
        plan, policy = request.plan, request.policy
        name = plan.progressive.names["production"]
        address = service_address(policy, name)
        try:
            live = self.cloud_run.get_service(address)
        except ServiceNotFound:
            raise AirflowSkipException(
                f"no revision to check the metrics of: {name} does not exist yet"
            ) from None
        hook = PromQLHook(conn_id=self.promql_conn_id, replica_labels=policy.decision.replica_labels)
        revisions = list(serving_split(live))
        warnings = check_queries(hook, policy.metrics, service=address, revisions=revisions)
        edges: dict[str, list[float]] = {}
        for revision in revisions:
            edges = check_bucket_edges(hook, policy.metrics, service=address, revision=revision)
        sentence = f"Metrics of {name} checked: every query answers, every latency limit is a bucket edge"
        if lower := "; ".join(stood_in(policy.metrics, edges)):
            sentence = f"Metrics of {name} checked: every query answers; {lower}"
        if warnings:
            sentence += f"; of metrics that only warn: {'; '.join(warnings)}"
        about = {"release": plan.release_id, "entry": "metrics_checked", "service": name, "edges": edges}
        audit(self.log, sentence, **about)
        return edges


class CheckDetectionPowerOperator(ReleaseOperator):
    """State what a phase can detect with today's traffic, before its traffic moves.

    A phase that cannot detect the policy's trigger is extended or held, as the policy says.

    :param phase: ``canary``, ``half`` or ``full``.
    :param promql_conn_id: connection to the PromQL API.
    :return: ``start`` or ``extend``.
    :raises AirflowFailException: when the phase is held.
    :raises MetricsUnavailable: when the source gives no usable answer.
    """

    def __init__(self, *, phase: PhaseName, promql_conn_id: str = "slipway_promql", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase
        self.promql_conn_id = promql_conn_id

    def execute(self, context: Context) -> str:
        """Read the traffic, and record the detection power of the phase."""
        from slipway.analysis.statistics.power import forecast
        from slipway.release.served_traffic import forecast_traffic

        release = self.release(context)
        rates, healthy = asyncio.run(
            forecast_traffic(self.promql_conn_id, release, self.phase, now=time.time())
        )
        made = forecast(release.policy, self.phase, rates, healthy)
        reason = made.line(release.policy)
        self.record(
            release,
            DetectionPowerForecast(
                phase=self.phase,
                action=made.action,
                reason=reason,
                seconds=round(made.seconds, 1),
                events_per_second={key: round(rate, 3) for key, rate in rates.items()},
                detection_power=tuple(
                    MetricPower.model_validate(power.as_payload()) for power in made.powers
                ),
            ),
        )
        if made.action == "hold":
            raise AirflowFailException(
                f"phase {self.phase} not started, too little traffic to detect the rollback trigger: {reason}"
            )
        return made.action
