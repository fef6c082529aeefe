"""Starting a run of another DAG out of a task, and waiting for its end.

The provider's ``TriggerDagRunOperator`` imports Airflow's models, which takes longer than a DAG file may take
to parse. It ends in the same exceptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from airflow.sdk.exceptions import DagRunTriggerException, TaskDeferred

ENDED = ("success", "failed")


def trigger_run(
    dag_id: str, run_id: str, conf: Mapping[str, Any], *, wait: bool = False, poll_seconds: int = 0
) -> NoReturn:
    """End the task by starting a run.

    :param dag_id: DAG to run.
    :param run_id: name of the run. A task that does not wait is skipped when there is one of this name.
    :param conf: conf of the run.
    :param wait: defer until the run has ended; then Airflow calls the operator's ``execute_complete``.
    :param poll_seconds: seconds between two reads of the run's state, when waiting.
    :raises DagRunTriggerException: which starts the run.
    """
    raise DagRunTriggerException(
        trigger_dag_id=dag_id,
        dag_run_id=run_id,
        conf=dict(conf),
        reset_dag_run=False,
        skip_when_already_exists=not wait,
        wait_for_completion=wait,
        allowed_states=list(ENDED) if wait else [],
        failed_states=[],
        poke_interval=poll_seconds,
        deferrable=wait,
    )


def wait_for_run(dag_id: str, run_id: str, *, poll_seconds: float) -> NoReturn:
    """Defer until a run that was started before has ended; then Airflow calls ``execute_complete``.

    :param dag_id: DAG of the run.
    :param run_id: name of the run.
    :param poll_seconds: seconds between two reads of the run's state.
    :raises TaskDeferred: to the triggerer.
    """
    from airflow.providers.standard.triggers.external_task import DagStateTrigger
    from airflow.utils.state import DagRunState

    trigger = DagStateTrigger(
        dag_id=dag_id,
        states=[DagRunState(state) for state in ENDED],
        run_ids=[run_id],
        poll_interval=poll_seconds,
    )
    raise TaskDeferred(trigger=trigger, method_name="execute_complete")
