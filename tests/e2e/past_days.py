"""Two past days with a request each, rolled up while releases wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import psycopg

from sandbox.databases import postgres
from sandbox.demo.airflow_client import AirflowClient
from sandbox.supervisor.settings import Settings

ROLLUP = "kpi_rollup"
BOUND_SECONDS = 400.0


class PastDays:
    """The days, and their rollups, which begin at once and are waited for by :meth:`rolled_up`.

    :param airflow: where the rollups run.
    :param settings: the sandbox.
    """

    def __init__(self, airflow: AirflowClient, settings: Settings) -> None:
        self._airflow = airflow
        with psycopg.connect(postgres.uri(settings, "netra_production")) as connection:
            # What billing, support and sales noted of earlier days: each would be rolled up, too.
            connection.execute("DELETE FROM subscription_event WHERE occurred_at < CURRENT_DATE")
            connection.execute("DELETE FROM satisfaction_answer WHERE created_at < CURRENT_DATE")
            connection.execute("DELETE FROM enterprise_enquiry WHERE created_at < CURRENT_DATE")
            connection.execute("UPDATE users SET converted_at = NULL WHERE converted_at < CURRENT_DATE")
            # The prices begin with the release; the earlier days need one, too.
            connection.execute(
                "INSERT INTO token_price (model, effective_from, usd_per_token)"
                " VALUES ('gpt-4', '2020-01-01', 0.00003)"
            )
        today = datetime.now(UTC).date()
        days = (today - timedelta(days=1), today - timedelta(days=2))
        for day in days:
            use(settings, day)
        self._runs: Mapping[date, str] = {
            day: airflow.start(ROLLUP, partition_key=day.isoformat()) for day in days
        }

    def rolled_up(self) -> tuple[date, ...]:
        """Wait until both are rolled up.

        :return: the days, the later one first.
        """
        for day, run in self._runs.items():
            assert self._airflow.wait(ROLLUP, run, bound=BOUND_SECONDS).state == "success", day
        return tuple(self._runs)


def use(settings: Settings, day: date) -> UUID:
    """Write one request of a day into the product's own table, as the product does, and return its id."""
    with psycopg.connect(postgres.uri(settings, "netra_production")) as connection:
        identifier = uuid4()
        connection.execute(
            "INSERT INTO token_usage_tracking (id, user_id, session_key, agent_name, tokens_used, cost_usd,"
            " optimization_applied, created_at, model, revision, tokens_original, cost_original_usd,"
            " optimization_succeeded)"
            " SELECT %s, id, 'late', 'late', 100, 0.003, TRUE, %s, 'gpt-4', 'late', 125, 0.00375, TRUE"
            " FROM users ORDER BY id LIMIT 1",
            (identifier, f"{day} 20:00"),
        )
    return identifier
