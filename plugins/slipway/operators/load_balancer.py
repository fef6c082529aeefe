"""The operator that checks the load balancer in front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from slipway.ledger.audit import audit
from slipway.operators.base import PreflightOperator
from slipway.release.load_balancer import require_reachable

if TYPE_CHECKING:
    from airflow.sdk import Context


class CheckLoadBalancerOperator(PreflightOperator):
    """Refuse a release whose traffic would not arrive; changes nothing."""

    def check(self, context: Context) -> list[str]:
        """Check what the policy names.

        :param context: Airflow's context of the task.
        :return: the backend services that were checked.
        :raises AirflowSkipException: when the policy names none.
        :raises LoadBalancerMisconfigured: naming the backend service, the region, the network endpoint group,
            and the way forward.
        :raises LoadBalancerUnreadable: when Compute Engine refuses, or gives no usable answer.
        """
        request = self.request()
        policy = request.policy
        checked = require_reachable(policy, self.gcp_conn_id)
        if not checked:
            raise AirflowSkipException("the policy names no load balancer")
        audit(
            self.log,
            f"Load balancer checked: every region's traffic reaches {', '.join(checked)}",
            release=request.plan.release_id,
            entry="load_balancer_checked",
            backend_services=checked,
            regions=policy.regions,
        )
        return checked
