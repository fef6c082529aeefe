"""The operators of a release, run one by one as its tasks would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.operators.base import ReleaseOperator
from slipway.operators.closing import CloseReleaseOperator
from slipway.operators.deploy import DeployRevisionsOperator
from slipway.operators.preflight import OpenReleaseOperator
from slipway.operators.rollback import RollBackTrafficOperator
from slipway.operators.traffic import ShiftTrafficOperator

if TYPE_CHECKING:
    from tests.integration.slipway.operators.conftest import Product

DOCUMENT = "feature-flags"


class Steps:
    """One release, which is not open yet.

    :param product: what is released.
    """

    def __init__(self, product: Product) -> None:
        self.product = product
        plan, policy = product.plan()
        self.release_id = plan.release_id
        self.revision = plan.progressive.revisions["production"]
        self.validated = {"plan": plan.model_dump(mode="json"), "policy": policy.model_dump(mode="json")}

    def run(self, operator: ReleaseOperator) -> Any:
        operator.cloud_run = self.product.web.hook
        return operator.execute(self.product.context)

    def open(self) -> None:
        self.run(OpenReleaseOperator(task_id="open_release", validated=self.validated))
        self.product.ledger.append(self.release_id, "configured/production", {"versions": {DOCUMENT: 1}})

    def deploy(self) -> None:
        self.run(DeployRevisionsOperator(task_id="deploy_revisions", environment="production"))

    def shift(self, phase: Any = "canary") -> Any:
        return self.run(ShiftTrafficOperator(task_id="shift_traffic", phase=phase))

    def roll_back(self) -> dict[str, Any]:
        changes = self.run(RollBackTrafficOperator(task_id="roll_back_traffic"))
        return dict(changes[self.product.web.address.service])

    def close(self, outcome: str) -> None:
        self.run(CloseReleaseOperator(task_id="close_release", outcome=outcome))

    def entry(self, key: str) -> Any:
        return self.product.ledger.entry(self.release_id, key)
