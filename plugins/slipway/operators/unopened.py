"""The last line of a run that opened no release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.release.acts import read_acts

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.refused import RefusedRequest


def unopened_line(context: Context, refused: RefusedRequest | None) -> str:
    """Say in one line why a run opened no release: the refusal, who stopped it, or the task that failed.

    :param context: of a task of the run.
    :param refused: its refused request, if a check refused it.
    """
    if refused is not None:
        return refused.sentence
    run, subject = context["dag_run"].run_id, f"release {context['params']['version']}: not opened"
    acts = read_acts(run)
    if acts is not None:
        return f"{subject}: {acts.sentence}"
    states = context["ti"].get_task_states(context["dag"].dag_id, run_ids=[run]).get(run, {})
    failed = sorted(task for task, state in states.items() if state == "failed")
    if failed:
        return f"{subject}: {', '.join(failed)} failed; its task log has the error"
    return f"{subject}: the run ended before its preflight did"
