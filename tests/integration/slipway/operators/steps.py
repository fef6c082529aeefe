"""The operators of a release, run one by one as its tasks would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.ledger.chain import Kind
from slipway.ledger.entries import ConfigurationWritten
from slipway.ledger.ledger import Outcome
from slipway.operators.base import ReleaseOperator
from slipway.operators.closing import ClosePromotedOperator, CloseRolledBackOperator
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
        self.note_configuration()

    def note_configuration(self) -> None:
        """Put on record that the flags are written: version 1."""
        written = ConfigurationWritten(environment="production", versions={DOCUMENT: 1})
        self.product.ledger.append(self.release_id, written)

    def deploy(self) -> None:
        self.run(DeployRevisionsOperator(task_id="deploy_revisions", environment="production"))

    def shift(self, phase: Any = "canary") -> Any:
        return self.run(ShiftTrafficOperator(task_id="shift_traffic", phase=phase))

    def roll_back(self) -> dict[str, Any]:
        changes = self.run(RollBackTrafficOperator(task_id="roll_back_traffic"))
        return dict(changes[self.product.web.address.service])

    def close(self, outcome: Outcome) -> None:
        if outcome == "rolled_back":
            self.run(CloseRolledBackOperator(task_id="close_release"))
        else:
            self.run(ClosePromotedOperator(task_id="close_promoted"))

    def entry(self, kind: type[Kind], **parts: str | int) -> Kind:
        found = self.product.ledger.get(self.release_id, kind, **parts)
        assert found is not None, kind.key_of(**parts)
        return found
