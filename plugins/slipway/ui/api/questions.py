"""The question that a release's run has open before a person, as Airflow keeps it."""

from __future__ import annotations

from slipway.ledger.plan import RELEASE_DAG
from slipway.ui.api.models.release import Waiting

_PARKED = ("awaiting_input", "deferred")


def open_question(run_id: str) -> Waiting | None:
    """Return the oldest open question of a release's run, None when there is none.

    :param run_id: the run.
    """
    from airflow.models.hitl import HITLDetail  # noqa: TID251 - read in the API server, which has the tables
    from airflow.models.taskinstance import TaskInstance  # noqa: TID251
    from airflow.utils.session import create_session
    from sqlalchemy import select

    chosen = (
        select(HITLDetail, TaskInstance.task_id, TaskInstance.map_index, TaskInstance.trigger_timeout)
        .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
        .where(
            TaskInstance.dag_id == RELEASE_DAG,
            TaskInstance.run_id == run_id,
            TaskInstance.state.in_(_PARKED),
            HITLDetail.responded_at.is_(None),
        )
        .order_by(HITLDetail.created_at)
        .limit(1)
    )
    with create_session(scoped=False) as session:
        row = session.execute(chosen).first()
        if row is None:
            return None
        detail, task_id, map_index, until = row
        return Waiting(
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
