"""The operator that checks the load balancer in front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.operators.base import PreflightOperator
from slipway.release.load_balancer import require_reachable

if TYPE_CHECKING:
    from airflow.sdk import Context


class CheckLoadBalancerOperator(PreflightOperator):
    """Refuse a release whose traffic would not arrive; changes nothing."""

    def execute(self, context: Context) -> list[str]:
        """Check what the policy names.

        :return: the backend services that were checked.
        :raises LoadBalancerMisconfigured: naming the backend service, the region, the network endpoint group,
            and the way forward.
        :raises LoadBalancerUnreadable: when Compute Engine refuses, or gives no usable answer.
        """
        plan, policy = self.request()
        checked = require_reachable(policy, self.gcp_conn_id)
        self.log.info(
            "audit",
            release=plan.release_id,
            entry="load_balancer_checked",
            backend_services=checked,
            regions=policy.regions,
        )
        return checked
