"""What can be done with a release now, by Airflow's own means, and by whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, get_args
from urllib.parse import quote

from slipway.ledger.entries import RollbackTier
from slipway.ledger.plan import RELEASE_DAG, ROLLBACK_DAG
from slipway.policy.release import GatedPhaseName
from slipway.ui.api.links import Links
from slipway.ui.api.models.base import State
from slipway.ui.api.models.release import Action, AirflowForm, FormField, Waiting
from slipway.ui.api.permits import Permits
from slipway.ui.api.steps import PHASES

if TYPE_CHECKING:
    from slipway.ledger.ledger import Release

_APPROVE, _ROLL_BACK = "Approve", "Roll back"
#: By the task that asks for a gate, the phase that begins after it.
_GATE_IN: Mapping[str, GatedPhaseName] = {
    f"{PHASES['canary'].group}.approve": "canary",
    f"{PHASES['canary'].group}.bake": "half",
    f"{PHASES['half'].group}.bake": "full",
}
_TIERS: tuple[str, ...] = get_args(RollbackTier)


def actions(
    release: Release, state: State, waiting: Waiting | None, permits: Permits, links: Links, *, now: datetime
) -> tuple[Action, ...]:
    """Return what the user may do with a release now, the next thing first.

    :param release: the release.
    :param state: how it stands.
    :param waiting: the question that is open.
    :param permits: what the user may do.
    :param links: addresses.
    :param now: moment of the answer.
    """
    found = [] if waiting is None else list(_answers(release, waiting, permits, links))
    # Where the answer to the question takes the release back, the DAG would do the same a little later.
    is_answer = any(action.label == _ROLL_BACK for action in found)
    if not is_answer and _can_be_rolled_back(release, state, now) and permits.may_trigger(ROLLBACK_DAG):
        found.append(_roll_back(release, state, links))
    if release.outcome is not None and permits.may_trigger(RELEASE_DAG):
        found.append(_release(links))
    return (*found, _open_run(release, links))


def _answers(release: Release, waiting: Waiting, permits: Permits, links: Links) -> Iterator[Action]:
    if not permits.may_answer(waiting.assigned_ids, waiting.dag_id):
        return
    at = f"{links.run(waiting.run_id, waiting.dag_id)}/tasks/{quote(waiting.task_id, safe='')}"
    mapped = f"/mapped/{waiting.map_index}" if waiting.map_index >= 0 else ""
    for option in waiting.options:
        if option == _APPROVE and _is_own_approval(release, waiting, permits):
            continue
        yield Action(
            name="answer",
            label=option,
            does=_consequence(waiting, option),
            url=f"{at}{mapped}/required_actions",
            # Of a release the safe answer ends it; of a rollback it leaves everything as it is.
            weight="danger"
            if (option == waiting.safe_option) == (waiting.dag_id == RELEASE_DAG)
            else "primary",
            form=AirflowForm(
                method="PATCH",
                path=(
                    f"{links.airflow}/api/v2/dags/{waiting.dag_id}/dagRuns/{quote(waiting.run_id, safe='')}"
                    f"/taskInstances/{quote(waiting.task_id, safe='')}/{waiting.map_index}/hitlDetails"
                ),
                body={"chosen_options": [option], "params_input": {}},
                fields_in="params_input",
                fields=waiting.fields,
            ),
        )


def _is_own_approval(release: Release, waiting: Waiting, permits: Permits) -> bool:
    """Tell whether the user asked for the release, and the gate takes somebody else's approval alone."""
    if release.actor not in permits.names:
        return False
    following = _GATE_IN.get(waiting.task_id)
    if following is None:
        approval = release.policy.approval
        return release.plan.outside_windows or (approval is not None and approval.by_another_person)
    gate = release.policy.gates.get(following)
    return gate is not None and gate.by_another_person


def _consequence(waiting: Waiting, option: str) -> str:
    """Return what the question says that an answer does, in a line like ``- **Roll back** ends it``."""
    found = re.search(rf"^[-*]\s+\*\*{re.escape(option)}\*\*:?\s+(.+)$", waiting.body, re.MULTILINE)
    if found:
        return f"{option} {found[1].strip()}"
    safe = " This is also what happens without an answer in time." if option == waiting.safe_option else ""
    return f"Answers {option!r} to: {waiting.subject}{safe}"


def _can_be_rolled_back(release: Release, state: State, now: datetime) -> bool:
    if state == "promoted" and release.closed_at is not None:
        window = release.policy.rollback_window
        return window is None or now < release.closed_at + window
    return state in ("running", "waiting", "on_hold", "lost")


def _roll_back(release: Release, state: State, links: Links) -> Action:
    follows = "" if state == "promoted" else " The run of the release goes no further."
    return Action(
        name="roll_back",
        label=_ROLL_BACK,
        does=(
            "Starts the DAG rollback: every service returns to the revision that served when the release"
            f" began, and the flags with it.{follows}"
        ),
        url=links.dag(ROLLBACK_DAG),
        weight="danger",
        form=AirflowForm(
            method="POST",
            path=f"{links.airflow}/api/v2/dags/{ROLLBACK_DAG}/dagRuns",
            body={"logical_date": None, "conf": {}},
            fields_in="conf",
            fields=(
                FormField(
                    name="release",
                    title="Release",
                    description="Id of the release",
                    value=release.release_id,
                    options=(),
                    required=True,
                ),
                FormField(
                    name="tier",
                    title="Tier",
                    description=(
                        "traffic: services and flags; database: then the migrations, after a question;"
                        " restore: then the backup, to a new instance; full: database, and every service"
                    ),
                    value=_TIERS[0],
                    options=_TIERS,
                    required=True,
                ),
                FormField(
                    name="reason",
                    title="Reason",
                    description="Why the release is rolled back; kept on record",
                    value=None,
                    options=(),
                    required=True,
                ),
            ),
        ),
    )


def _release(links: Links) -> Action:
    return Action(
        name="release",
        label="Release another version",
        does="Opens the DAG release, whose form asks for the version.",
        url=links.dag(RELEASE_DAG),
        weight="plain",
        form=None,
    )


def _open_run(release: Release, links: Links) -> Action:
    return Action(
        name="open_run",
        label="Open the run",
        does="Shows the tasks of the release and their logs in Airflow.",
        url=links.run(release.run_id),
        weight="plain",
        form=None,
    )
