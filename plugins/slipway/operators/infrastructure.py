"""The operator that checks what production stands on."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from slipway.exceptions import InfrastructureUnsound
from slipway.ledger.audit import audit
from slipway.ledger.entries import InfrastructureChecked
from slipway.operators.base import PreflightOperator
from slipway.release.infrastructure import InfrastructureReader

if TYPE_CHECKING:
    from airflow.sdk import Context


class CheckInfrastructureOperator(PreflightOperator):
    """Refuse a release over a part of the infrastructure that is not as the policy requires.

    :param promql_conn_id: connection to the PromQL API.
    :return: the table, a line for everything that was checked; ``OpenReleaseOperator`` puts it on record.
    """

    def __init__(self, *, promql_conn_id: str = "slipway_promql", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.promql_conn_id = promql_conn_id

    def check(self, context: Context) -> list[dict[str, Any]]:
        """Read the parts that the policy names; changes nothing.

        :param context: Airflow's context of the task.
        :return: the lines of the table.
        :raises InfrastructureUnsound: naming each part that the policy refuses over.
        """
        request = self.request()
        reader = InfrastructureReader(
            request.policy, self.cloud_run, gcp_conn_id=self.gcp_conn_id, promql_conn_id=self.promql_conn_id
        )
        checked = InfrastructureChecked(lines=tuple(reader.lines()))
        release = request.plan.release_id
        audit(self.log, checked.sentence, release=release, entry=checked.key, lines=checked.lines)
        if checked.refusals:
            raise InfrastructureUnsound("\n".join(checked.refusals))
        return [asdict(line) for line in checked.lines]
