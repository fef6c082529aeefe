"""The operator that looks at the load balancer in front."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from slipway.exceptions import LoadBalancerMisconfigured
from slipway.ledger.plan import ReleasePlan
from slipway.operators.base import ReleaseOperator
from slipway.policy.release import Policy, parse_policy
from slipway.release.load_balancer import unfit

if TYPE_CHECKING:
    from airflow.sdk import Context


class CheckLoadBalancerOperator(ReleaseOperator):
    """See that every region's traffic reaches the services that are released; changes nothing.

    Before a release it refuses one whose traffic would not arrive. After a promotion it is what the next
    region waits for; the promotion stays.

    :param validated: the XCom of :class:`~slipway.operators.preflight.ValidateRequestOperator`; None for the
        open or closed release of this run. (templated)
    :return: the backend services that were looked at.
    :raises LoadBalancerMisconfigured: naming the backend service, the region, the network endpoint group,
        and the way forward.
    :raises LoadBalancerUnreadable: when Compute Engine refuses, or gives no usable answer.
    """

    template_fields = ("validated",)

    def __init__(self, *, validated: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validated = validated

    def execute(self, context: Context) -> list[str]:
        """Look at what the policy names."""
        if self.validated is None:
            policy = self.release(context).policy
        else:
            plan = ReleasePlan.model_validate(self.validated["plan"])
            policy = parse_policy(self.validated["policy"], source=plan.policy_name)
        seen = list(policy.load_balancer.backend_services.values()) if policy.load_balancer else []
        found = self._unfit(policy) if seen else []
        self.log.info(
            "audit",
            release=self.release_id(context),
            entry="load_balancer_checked",
            backend_services=seen,
            regions=policy.regions,
            findings=found,
        )
        if found:
            raise LoadBalancerMisconfigured("\n".join(found))
        return seen

    def _unfit(self, policy: Policy) -> list[str]:
        from slipway.hooks.load_balancer import LoadBalancerHook

        with closing(LoadBalancerHook(gcp_conn_id=self.gcp_conn_id)) as hook:
            return unfit(policy, hook)
