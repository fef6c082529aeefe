"""The questions that the runs of releases have open before a person, as Airflow keeps them."""

from __future__ import annotations

from collections.abc import Collection

from slipway.ledger.plan import RELEASE_DAG
from slipway.ui.api.models.release import Waiting

_PARKED = ("awaiting_input", "deferred")


def open_questions(run_ids: Collection[str]) -> dict[str, Waiting]:
    """Return by run the oldest open question of releases' runs; a run without one is not in it.

    :param run_ids: the runs.
    """
    from airflow.models.hitl import HITLDetail  # noqa: TID251 - read in the API server, which has the tables
    from airflow.models.taskinstance import TaskInstance  # noqa: TID251
    from airflow.utils.session import create_session
    from sqlalchemy import select

    chosen = (
        select(
            HITLDetail,
            TaskInstance.run_id,
            TaskInstance.task_id,
            TaskInstance.map_index,
            TaskInstance.trigger_timeout,
        )
        .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
        .where(
            TaskInstance.dag_id == RELEASE_DAG,
            TaskInstance.run_id.in_(run_ids),
            TaskInstance.state.in_(_PARKED),
            HITLDetail.responded_at.is_(None),
        )
        .order_by(HITLDetail.created_at.desc())
    )
    with create_session(scoped=False) as session:
        return {
            run_id: Waiting(
                subject=detail.subject,
                body=detail.body or "",
                options=tuple(detail.options),
                for_whom=tuple(user["name"] for user in detail.assigned_users),
                assigned_ids=tuple(user["id"] for user in detail.assigned_users),
                since=detail.created_at,
                until=until,
                safe_option=next(iter(detail.defaults or ()), None),
                task_id=task_id,
                map_index=map_index,
            )
            for detail, run_id, task_id, map_index, until in session.execute(chosen)
        }
