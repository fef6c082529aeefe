"""
### KPI late data

One DAG for each product, as for `kpi_rollup`. Once a day, after the rollup: finds the days whose source is
not what it was when they were published (rows that came late, were corrected or deleted, users who asked to
be forgotten, nights that were missed) and has `kpi_rollup` roll up those days, and no others, again.

How far back it looks is `late_window_days` in `include/kpi/rollup.yaml`; for forgotten users it looks at
every day. Why a day was chosen is in the log of `find_days`. Of more days than Airflow maps at once
(`core.max_map_length`, 1,024) the oldest are rolled up now and the rest next time.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from slipway.kpi.policy import load_rollup_policy
from slipway.operators.kpi.late import FindDifferingDaysOperator, RollUpAgainOperator


def late_data_of(product: str, dag_id: str, rollup_dag_id: str) -> DAG:
    """Return the DAG that finds a product's late data.

    :param product: the name of its policy.
    :param dag_id: the DAG.
    :param rollup_dag_id: the DAG that rolls its days up.
    """
    with DAG(
        dag_id=dag_id,
        doc_md=__doc__,
        description=f"Rolls up again the days of {product} whose source changed",
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
    ) as dag:
        find_days = FindDifferingDaysOperator(task_id="find_days", product=product)
        RollUpAgainOperator.partial(task_id="roll_up_again", rollup_dag_id=rollup_dag_id).expand(
            day=find_days.output
        )
    return dag


POLICY = load_rollup_policy()
for name, its_dag in POLICY.dag_ids("kpi_late_data").items():
    globals()[its_dag] = late_data_of(name, its_dag, POLICY.dag_ids("kpi_rollup")[name])
