"""Complete addresses in Airflow's UI, for what is read outside of it: messages, reports, extra links."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from slipway.ledger.plan import RELEASE_DAG

if TYPE_CHECKING:
    from airflow.sdk import Context


def airflow_url() -> str:
    """Return the address of Airflow's UI, Airflow's setting ``[api] base_url``."""
    from airflow.sdk.configuration import conf

    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")


def release_link(run_id: str) -> str:
    """Return the address of the Release page of a run.

    :param run_id: the run.
    """
    return f"{airflow_url()}/dags/{RELEASE_DAG}/runs/{quote(run_id, safe='')}/plugin/release"


def question_link(context: Context) -> str:
    """Return the address of the form in which a person answers the question of a task.

    :param context: of the task that asks.
    """
    task = context["ti"]
    return (
        f"{airflow_url()}/dags/{task.dag_id}/runs/{quote(task.run_id, safe='')}"
        f"/tasks/{task.task_id}/required_actions"
    )


def report_link(release_id: str) -> str:
    """Return the address of the report of a release.

    :param release_id: the release, which has ended.
    """
    return f"{airflow_url()}/slipway/releases/{release_id}/report.html"
