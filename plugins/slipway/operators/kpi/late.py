"""The operators that find the days whose source changed after they were published, and roll them up again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf

from slipway.kpi.policy import load_rollup_policy
from slipway.kpi.warehouse import open_warehouse
from slipway.operators.kpi.base import ProductOperator
from slipway.operators.trigger_run import trigger_run

if TYPE_CHECKING:
    from airflow.sdk import Context


class FindDifferingDaysOperator(ProductOperator):
    """Compare the source with what it was when each day was published."""

    def execute(self, context: Context) -> list[str]:
        """Look at the window of ``include/kpi/rollup.yaml``, and for forgotten users at every day.

        :param context: Airflow's context of the task.
        :return: the days that differ; of more than one mapping may hold, the oldest.
        """
        window = load_rollup_policy().late_window_days
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            found = warehouse.rows(
                "kpi/late/differing_days",
                {"collection": self.source.collection},
                {"window_days": window, "product": self.product},
            )
        differing = {day.isoformat(): why for day, why in sorted(found)}
        self.log.info("kpi_late_data_searched", product=self.product, window_days=window, differing=differing)
        days, most = list(differing), conf.getint("core", "max_map_length")
        if rest := days[most:]:
            self.log.warning(
                "%d days differ, %d are rolled up now (core.max_map_length); the other %d, "
                "from %s on, next time",
                len(days),
                most,
                len(rest),
                rest[0],
            )
        return days[:most]


class RollUpAgainOperator(BaseOperator):
    """Start a rollup of one day.

    :param rollup_dag_id: the rollup.
    :param day: the UTC day, ``YYYY-MM-DD`` (templated).
    """

    template_fields: Sequence[str] = ("day",)

    def __init__(self, *, rollup_dag_id: str, day: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rollup_dag_id = rollup_dag_id
        self.day = day

    def execute(self, context: Context) -> NoReturn:
        """Ask for the run; a task that runs again asks for the same one.

        :param context: Airflow's context of the task.
        :raises DagRunTriggerException: which starts it.
        """
        self.log.info("kpi_rolled_up_again", day=self.day)
        trigger_run(self.rollup_dag_id, f"late__{self.day}__{context['run_id']}", {"day": self.day})
