"""Walks a DAG's graph as Airflow's scheduler does: from how tasks end to the state of every other one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import TriggerRule

if TYPE_CHECKING:
    from airflow.sdk import DAG

SUCCESS, SKIPPED, FAILED, UPSTREAM_FAILED = "success", "skipped", "failed", "upstream_failed"
_FAILED = (FAILED, UPSTREAM_FAILED)


def _failed_before(found: Collection[str]) -> str | None:
    return UPSTREAM_FAILED if any(state in _FAILED for state in found) else None


#: The state that a rule gives to a task which does not run, by the states before it; None when it runs.
_RULES: Mapping[TriggerRule, Callable[[Collection[str]], str | None]] = {
    TriggerRule.ALL_SUCCESS: lambda found: _failed_before(found) or (SKIPPED if SKIPPED in found else None),
    TriggerRule.ALL_DONE: lambda _: None,
    TriggerRule.NONE_FAILED: _failed_before,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: lambda found: (
        _failed_before(found) or (None if SUCCESS in found else SKIPPED)
    ),
    TriggerRule.NONE_SKIPPED: lambda found: SKIPPED if SKIPPED in found else None,
    TriggerRule.ONE_SUCCESS: lambda found: None if SUCCESS in found else _failed_before(found) or SKIPPED,
}


def walk(dag: DAG, ends: Mapping[str, str], branches: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Return the state of every task at the end of a run, teardowns left out.

    :param dag: the DAG.
    :param ends: how a task ends when it runs; a task left out succeeds.
    :param branches: what a branch leads on to; what else is directly after it is skipped.
    """
    states: dict[str, str] = {}
    skipped: set[str] = set()
    for task in dag.topological_sort():
        if task.is_teardown:
            continue
        name = task.task_id
        kept_from = SKIPPED if name in skipped else _kept_from(task, states)
        states[name] = kept_from or ends.get(name, SUCCESS)
        if name in branches and states[name] == SUCCESS:
            skipped |= task.downstream_task_ids - set(branches[name])
    return states


def _kept_from(task: Any, states: Mapping[str, str]) -> str | None:
    rule = task.partial_kwargs["trigger_rule"] if task.is_mapped else task.trigger_rule
    before = [states[name] for name in task.upstream_task_ids]
    return _RULES[TriggerRule(rule)](before) if before else None
