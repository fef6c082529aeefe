"""
### KPI rollup

One DAG for each product that `include/kpi/rollup.yaml` names: `kpi_rollup` for the first,
`kpi_rollup_<product>` for a further one. A day of one product never touches another's. Once a day, for the
UTC day before: takes the day's token usage and events from the product's PostgreSQL into ClickHouse, computes
the business and technical KPIs, checks that they add up to what the source counted, and publishes them.

**Readers** see a day change in one step, from the old numbers to the new ones, never an empty or half a day:
everything is built in staging tables and shown by replacing the day's partition. A failed check publishes
nothing.

**Another day**: trigger the DAG with the parameter *day* (`2026-01-31`) or that day as *partition key*, or
start a backfill over a range, in any order and several at once. Running a day again is always safe. Rows that
came late, were corrected or belong to users who asked to be forgotten get in by themselves: `kpi_late_data`
finds their days. Today gives the day so far.

**Targets**: at the end every business target of `include/policy/targets.yaml` is judged: on track, behind,
met, missed, or not enough data. Days that were reviewed before and lie after the day are reviewed again.

**Results**: the view `kpi` (every KPI in long form, those over several days too), `usage_user_day` (per
user), `usage_fact` (per request), `event_fact`, `release_phase`, `bad_revision` (when a revision served that
was rolled back), `target_review`. Each definition (formula, grain, unit, edge cases) heads its statement in
`include/sql/kpi/`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronPartitionTimetable, Param, TaskGroup
from slipway.assets import KPI_DAILY, TARGET_REVIEW
from slipway.kpi.policy import load_rollup_policy
from slipway.operators.kpi.checks import QualityOperator, ReconcileDayOperator
from slipway.operators.kpi.publish import PublishDayOperator
from slipway.operators.kpi.schema import (
    CheckSourceSchemaOperator,
    DropStagingOperator,
    MigrateClickHouseOperator,
)
from slipway.operators.kpi.stage import StageOperator
from slipway.operators.kpi.targets import ReviewTargetsOperator

PUBLISHED = (
    "usage_fact",
    "event_fact",
    "release_phase",
    "bad_revision",
    "usage_user_day",
    "subscriber_day",
    "kpi_daily",
    "source_fingerprint",
)


def rollup_of(product: str, dag_id: str) -> DAG:
    """Return the DAG that rolls a product's days up.

    :param product: the name of its policy.
    :param dag_id: the DAG.
    """
    with DAG(
        dag_id=dag_id,
        doc_md=__doc__,
        description=f"One UTC day of the business KPIs of {product}, from PostgreSQL into ClickHouse",
        schedule=CronPartitionTimetable("0 2 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
        # No start_date: enabling the DAG waits for the next night. Airflow takes a run within a tenth of the
        # interval as due: enabled between 02:00 and 04:24 UTC, last night runs at once.
        catchup=False,
        max_active_runs=4,
        params={
            "day": Param(
                None,
                type=["null", "string"],
                format="date",
                title="Day",
                description="The UTC day to roll up, such as 2026-01-31",
            )
        },
        tags=["kpi", "clickhouse", "daily"],
        default_args={
            "owner": "data",
            "retries": 2,
            "retry_delay": timedelta(seconds=30),
            "execution_timeout": timedelta(hours=1),
        },
    ) as dag:
        # A migration may make a table anew: two at once would lose what one of them published in between.
        migrate = MigrateClickHouseOperator(task_id="migrate", max_active_tis_per_dag=1)

        with TaskGroup("source", tooltip="The source is what the rollup reads, and its day makes sense"):
            schema = CheckSourceSchemaOperator(task_id="schema", product=product)
            source_quality = QualityOperator(
                task_id="quality",
                product=product,
                subjects=["source_usage", "source_events", "source_records"],
                database="source",
            )

        with TaskGroup(
            "extract", tooltip="One UTC day of the source, pulled by ClickHouse itself"
        ) as extract:
            around = StageOperator(
                task_id="around",
                product=product,
                tables=[
                    "event_extract",
                    "customer_control",
                    "person_extract",
                    "price_extract",
                    "release_extract",
                    "release_phase",
                    "bad_revision",
                ],
            )
            usage = StageOperator(
                task_id="usage",
                product=product,
                # What arrives passes two views: one makes the facts, one keeps the trailer.
                tables={
                    "usage_fact": [],
                    "usage_control": [],
                    "usage_arrival": [
                        "kpi/arrival/usage_fact",
                        "kpi/arrival/usage_control",
                        "kpi/source/usage_arrival",
                        "kpi/stage/usage_arrival",
                    ],
                },
                inputs={"around": around.output},
            )
        extracts = {"usage": usage.output, "around": around.output}

        with TaskGroup("rollup", tooltip="Facts and KPIs of the day, in staging tables") as rollup:
            facts = StageOperator(
                task_id="facts",
                product=product,
                tables=["event_fact"],
                inputs={"around": around.output},
            )
            totals = StageOperator(
                task_id="totals",
                product=product,
                tables=[
                    "usage_cell",
                    "usage_user_day",
                    "usage_totals",
                    "event_totals",
                    "subscriber_day",
                    "source_fingerprint",
                ],
                inputs={**extracts, "facts": facts.output},
            )
            kpis = StageOperator(
                task_id="kpis",
                product=product,
                tables=["kpi_daily", "staged_day"],
                inputs={**extracts, "facts": facts.output, "totals": totals.output},
            )
        staged = {**extracts, "facts": facts.output, "totals": totals.output, "kpis": kpis.output}

        with TaskGroup("check", tooltip="Nothing is published unless all of these pass") as check:
            reconcile = ReconcileDayOperator(task_id="reconcile", product=product, inputs=staged)
            QualityOperator(
                task_id="quality",
                product=product,
                subjects=["staged_day", "kpi_daily"],
                database="warehouse",
                inputs=staged,
            )

        publish = PublishDayOperator(
            task_id="publish",
            product=product,
            tables=PUBLISHED,
            inputs=staged,
            expected_rows=reconcile.output,
            outlets=[KPI_DAILY],
            # Two runs of one day at once must not publish their tables in turns.
            max_active_tis_per_dag=1,
        )
        review = ReviewTargetsOperator(
            task_id="review_targets",
            product=product,
            outlets=[TARGET_REVIEW],
            # It reviews later days again: of two at once, the one that read first must not write last.
            max_active_tis_per_dag=1,
        )
        drop_staging = DropStagingOperator(task_id="drop_staging", product=product).as_teardown()

        # The source is checked while it is read: neither waits for the other, publishing waits for both.
        migrate >> schema >> [source_quality, extract]
        [source_quality, rollup] >> check >> publish >> review >> drop_staging
        [usage, facts, kpis] >> drop_staging
    return dag


for name, its_dag in load_rollup_policy().dag_ids("kpi_rollup").items():
    globals()[its_dag] = rollup_of(name, its_dag)
