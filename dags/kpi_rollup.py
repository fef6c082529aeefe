"""
### KPI rollup

Once a day, for the UTC day before: takes the day's token usage from the product's PostgreSQL into ClickHouse,
computes the business KPIs, checks that they add up to what the source counted itself, and publishes them.

**Readers** see a day change in one step, from the old numbers to the new ones, never an empty or half a day:
everything is built in staging tables and shown by replacing the day's partition. A failed check publishes
nothing.

**Another day**: trigger the DAG with the day as *partition key* (`2026-01-31`), or start a backfill over a
range. Running a day again is always safe, and is how late or corrected rows get in. Today gives the day so
far.

**Targets**: at the end every business target of `include/policy/targets.yaml` is judged: on track, behind,
met, missed, or not enough data.

**Results**: `kpi_daily` (every KPI in long form), `usage_user_day` (per user), `usage_fact` (per request),
`target_review`.
Each definition (formula, grain, unit, edge cases) heads its statement in `include/sql/kpi/`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, CronPartitionTimetable, TaskGroup
from slipway.operators.kpi import (
    DropStagingOperator,
    MigrateClickHouseOperator,
    PublishDayOperator,
    QualityOperator,
    ReconcileOperator,
    StageOperator,
)
from slipway.operators.targets import ReviewTargetsOperator

# The x- spares the DAG processor the search of every provider for a scheme that is ours alone.
KPI_DAILY = Asset(name="kpi_daily", uri="x-slipway://kpi/daily")
TARGET_REVIEW = Asset(name="target_review", uri="x-slipway://kpi/target-review")

with DAG(
    dag_id="kpi_rollup",
    doc_md=__doc__,
    description="One UTC day of business KPIs, from PostgreSQL into ClickHouse",
    schedule=CronPartitionTimetable("0 2 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
    # No start_date: enabling the DAG waits for the next night instead of running for last night at once.
    catchup=False,
    max_active_runs=1,
    tags=["kpi", "clickhouse", "daily"],
    default_args={
        "owner": "data",
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "execution_timeout": timedelta(hours=1),
    },
) as dag:
    migrate = MigrateClickHouseOperator(task_id="migrate")

    with TaskGroup("extract", tooltip="One UTC day of the source, pulled by ClickHouse itself") as extract:
        usage = StageOperator(task_id="usage", table="usage_extract", statements=["kpi/stage/usage_extract"])
        people = StageOperator(
            task_id="people", table="person_extract", statements=["kpi/stage/person_extract"]
        )
    extracts = {"usage_extract": usage.output, "person_extract": people.output}

    with TaskGroup("rollup", tooltip="Facts and KPIs of the day, in staging tables") as rollup:
        facts = StageOperator(
            task_id="facts", table="usage_fact", statements=["kpi/stage/usage_fact"], inputs=extracts
        )
        users = StageOperator(
            task_id="users",
            table="usage_user_day",
            statements=["kpi/stage/usage_user_day"],
            inputs={"usage_fact": facts.output},
        )
        totals = StageOperator(
            task_id="totals",
            table="usage_totals",
            statements=["kpi/stage/usage_totals"],
            inputs={"usage_fact": facts.output},
        )
        kpis = StageOperator(
            task_id="kpis",
            table="kpi_daily",
            statements=["kpi/daily/"],
            inputs={"usage_totals": totals.output, **extracts},
        )
    staged = {
        "usage_fact": facts.output,
        "usage_user_day": users.output,
        "kpi_daily": kpis.output,
    }

    with TaskGroup("check", tooltip="Nothing is published unless all of these pass") as check:
        reconcile = ReconcileOperator(task_id="reconcile", inputs={**extracts, **staged})
        quality = QualityOperator(task_id="quality", inputs=staged)

    publish = PublishDayOperator(
        task_id="publish", tables=staged, source_rows=reconcile.output, outlets=[KPI_DAILY]
    )
    review = ReviewTargetsOperator(task_id="review_targets", outlets=[TARGET_REVIEW])
    drop_staging = DropStagingOperator(task_id="drop_staging").as_teardown()

    migrate >> extract >> rollup >> check >> publish >> review >> drop_staging
