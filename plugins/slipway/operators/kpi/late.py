"""The operator that finds the days whose source changed after they were published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.kpi.policy import load_rollup_policy
from slipway.kpi.warehouse import open_warehouse
from slipway.operators.kpi.base import WarehouseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class FindDifferingDaysOperator(WarehouseOperator):
    """Compare the source with what it was when each day was published."""

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Look at the window of ``include/kpi/rollup.yaml``, and for forgotten users at every day.

        :returns: the configuration of one rollup run for each day that differs.
        """
        window = load_rollup_policy().late_window_days
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            found = warehouse.rows("kpi/late/differing_days", {}, {"window_days": window})
        differing = {day.isoformat(): why for day, why in found}
        self.log.info("kpi_late_data_searched", window_days=window, differing=differing)
        return [{"day": day} for day in differing]
