"""Operators that look at the metrics before traffic moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.operators.release import ReleaseOperator
from slipway.plan import ReleasePlan
from slipway.policy import parse_policy

if TYPE_CHECKING:
    from airflow.sdk import Context


class CheckMetricsOperator(ReleaseOperator):
    """Refuse a release that could not be judged: every latency limit must be a bucket edge of its histogram.

    :param validated: the XCom of :class:`~slipway.operators.release.ValidateRequestOperator`. (templated)
    :param promql_conn_id: connection to the PromQL API.
    :return: the bucket edges found per metric.
    :raises BucketEdgeMissing: naming the metric, the limit and the edges found.
    :raises MetricsUnavailable: when the source gives no usable answer.
    """

    template_fields = ("validated",)

    def __init__(self, *, validated: Any, promql_conn_id: str = "slipway_promql", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validated = validated
        self.promql_conn_id = promql_conn_id

    def execute(self, context: Context) -> dict[str, list[float]]:
        """Look at the revisions that serve now."""
        from slipway.bucket_edges import check_bucket_edges
        from slipway.hooks.cloud_run import serving_split
        from slipway.hooks.promql import PromQLHook

        plan = ReleasePlan.model_validate(self.validated["plan"])
        policy = parse_policy(self.validated["policy"], source=plan.policy_name)
        production, name = policy.environments["production"], plan.progressive.names["production"]
        live = self.cloud_run.get_service(
            project_id=production.project_id, location=production.location, service=name
        )
        hook = PromQLHook(conn_id=self.promql_conn_id)
        edges: dict[str, list[float]] = {}
        for revision in (revision for revision, percent in serving_split(live).items() if percent):
            edges = check_bucket_edges(hook, policy.metrics, service=name, revision=revision)
        self.log.info("audit", release=plan.release_id, entry="metrics_checked", service=name, edges=edges)
        return edges
