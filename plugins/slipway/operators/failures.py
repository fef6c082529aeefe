"""What a task that failed for good leaves on record, so that the release's last line can name it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from slipway.exceptions import ReleaseUnknown, SlipwayError
from slipway.ledger.entries import TaskFailed
from slipway.operators.base import ReleaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


def record_failure(context: Context) -> None:
    """Put on record why a task of an open release failed, as its ``on_failure_callback``; never fails.

    Only errors that are raised on purpose have their words on record: another one's may hold a secret.

    :param context: Airflow's context of the task.
    """
    task, error = context["task"], context.get("exception")
    if not isinstance(task, ReleaseOperator):
        return
    on_purpose = isinstance(error, SlipwayError | AirflowFailException)
    reason = " ".join(str(error).split()) if on_purpose else f"{type(error).__name__}; its log has the error"
    try:
        release = task.release(context)
        if release.outcome is None:
            task.record(release, TaskFailed(failed=task.task_id, reason=reason))
    except ReleaseUnknown:
        return  # refused: that is kept, or the verdict names the task
    except Exception:
        log.exception("The failure of %s is not in the ledger", task.task_id)
