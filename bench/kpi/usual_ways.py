"""The usual ways of getting a day from PostgreSQL into ClickHouse with Airflow: its rows, no rollup."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

COLUMNS = (
    "id::text AS id, user_id::text AS user_id, session_key, agent_name, tokens_used, cost_usd, "
    "optimization_succeeded, created_at, model, tokens_original, cost_original_usd, revision"
)
TABLE = """
CREATE OR REPLACE TABLE {name}
(
    id UUID, user_id UUID, session_key String, agent_name String, tokens_used Int32, cost_usd Decimal(10, 6),
    optimization_succeeded Bool, created_at DateTime64(6, 'UTC'), model String, tokens_original Int32,
    cost_original_usd Decimal(10, 6), revision String
)
ENGINE = MergeTree ORDER BY (user_id, created_at, id)
"""


def selection(day: date) -> str:
    """Return the query of a day's rows."""
    return (
        f"SELECT {COLUMNS} FROM token_usage_tracking "
        f"WHERE created_at >= '{day}' AND created_at < '{day + timedelta(days=1)}'"
    )


def through_pandas(day: date) -> int:
    """Read a data frame with the PostgreSQL hook, write it with the ClickHouse client's own method."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook
    from slipway.kpi.warehouse import clickhouse_hook

    frame = PostgresHook("netra_production_db").get_df(selection(day), df_type="pandas")
    clickhouse_hook("slipway_clickhouse").get_client().insert_df("usual_pandas", frame)
    return len(frame)


def row_by_row(day: date) -> int:
    """Transfer with the common SQL provider's GenericTransfer."""
    from airflow.providers.common.sql.operators.generic_transfer import GenericTransfer

    task: Any = GenericTransfer(
        task_id="transfer",
        sql=selection(day),
        destination_table="usual_rows",
        source_conn_id="netra_production_db",
        destination_conn_id="slipway_clickhouse",
        insert_args={"commit_every": 1000},
    )
    type(task).execute.__wrapped__(task, {"ti": SimpleNamespace(), "run_id": "bench"})
    return 0
