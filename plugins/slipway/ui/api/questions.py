"""The questions that runs have open before a person about releases, as Airflow keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.ledger.plan import RELEASE_DAG, ROLLBACK_DAG
from slipway.ui.api.models.release import FormField, Waiting

_PARKED = ("awaiting_input", "deferred")


def open_questions(releases: Mapping[str, str]) -> dict[str, Waiting]:
    """Return by run of a release the oldest open question about it; a run without one is not in it.

    The release's own run asks, or that of its rollback.

    :param releases: id of the release by run.
    """
    from airflow.models.dagrun import DagRun  # noqa: TID251 - read in the API server, which has the tables
    from airflow.models.hitl import HITLDetail  # noqa: TID251
    from airflow.models.taskinstance import TaskInstance  # noqa: TID251
    from airflow.utils.session import create_session
    from sqlalchemy import and_, or_, select

    of = DagRun.conf["release"].as_string()
    chosen = (
        select(HITLDetail, TaskInstance, of)
        .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
        .outerjoin(DagRun, and_(DagRun.dag_id == TaskInstance.dag_id, DagRun.run_id == TaskInstance.run_id))
        .where(
            or_(
                and_(TaskInstance.dag_id == RELEASE_DAG, TaskInstance.run_id.in_(releases)),
                and_(TaskInstance.dag_id == ROLLBACK_DAG, of.in_(releases.values())),
            ),
            TaskInstance.state.in_(_PARKED),
            HITLDetail.responded_at.is_(None),
        )
        .order_by(HITLDetail.created_at.desc())
    )
    runs = {release_id: run_id for run_id, release_id in releases.items()}
    with create_session(scoped=False) as session:
        return {
            task.run_id if task.dag_id == RELEASE_DAG else runs[release_id]: Waiting(
                subject=detail.subject,
                body=detail.body or "",
                options=tuple(detail.options),
                for_whom=tuple(user["name"] for user in detail.assigned_users),
                assigned_ids=tuple(user["id"] for user in detail.assigned_users),
                since=detail.created_at,
                until=task.trigger_timeout,
                safe_option=next(iter(detail.defaults or ()), None),
                fields=tuple(_fields(detail.params or {})),
                dag_id=task.dag_id,
                run_id=task.run_id,
                task_id=task.task_id,
                map_index=task.map_index,
            )
            for detail, task, release_id in session.execute(chosen)
        }


def _fields(params: Mapping[str, Any]) -> Iterator[FormField]:
    for name, param in params.items():
        yield FormField(
            name=name,
            title=param["schema"].get("title", name),
            description=param.get("description") or "",
            value=param.get("value"),
            options=tuple(param["schema"].get("enum", ())),
            # Whether it must be filled in depends on the answer, and the task says so.
            required=False,
        )
