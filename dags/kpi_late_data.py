"""
### KPI late data

Once a day, after the rollup: finds the days whose source is not what it was when they were published (rows
that came late, were corrected or deleted, users who asked to be forgotten, nights that were missed) and has
`kpi_rollup` roll up those days, and no others, again.

How far back it looks is `late_window_days` in `include/kpi/rollup.yaml`; for forgotten users it looks at
every day. Why a day was chosen is in the log of `find_days`. Of more days than Airflow maps at once
(`core.max_map_length`, 1,024) the oldest are rolled up now and the rest next time.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from slipway.operators.kpi.late import FindDifferingDaysOperator, RollUpAgainOperator

with DAG(
    dag_id="kpi_late_data",
    doc_md=__doc__,
    description="Rolls up again the days whose source changed",
    schedule="30 3 * * *",
    catchup=False,
    max_active_runs=1,
    tags=["kpi", "clickhouse", "daily"],
    default_args={
        "owner": "data",
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "execution_timeout": timedelta(hours=1),
    },
):
    find_days = FindDifferingDaysOperator(task_id="find_days")
    RollUpAgainOperator.partial(task_id="roll_up_again", rollup_dag_id="kpi_rollup").expand(
        day=find_days.output
    )
