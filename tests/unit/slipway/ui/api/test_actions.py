"""What can be done with a release now, and by whom."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.rollback.form import rollback_form
from slipway.ui.api.actions import actions
from slipway.ui.api.links import Links
from slipway.ui.api.models.release import FormField, Waiting

from tests.fake_ledger import BEGAN, FakeLedger
from tests.unit.slipway.on_record import opened

LINKS = Links("/airflow/slipway")


class Allowed:
    """A user who may do what the test says."""

    def __init__(self, name: str = "bob", *, trigger: bool = True, answer: bool = True) -> None:
        self.names = {name}
        self._trigger, self._answer = trigger, answer

    def may_trigger(self, _dag_id: str) -> bool:
        return self._trigger

    def may_answer(self, _assigned: Collection[str], _dag_id: str) -> bool:
        return self._answer


def question(task_id: str, options: tuple[str, ...], body: str = "") -> Waiting:
    return Waiting(
        subject="Release 1.2.0: may it go to production?",
        body=body,
        options=options,
        for_whom=(),
        assigned_ids=(),
        since=BEGAN,
        until=None,
        safe_option=options[-1],
        task_id=task_id,
        map_index=-1,
        fields=(),
        dag_id="release",
        run_id="run",
    )


APPROVE = question("phase_2_production_preparation.approve", ("Approve", "Reject"))
FROZEN = question(
    "phase_3_canary.bake",
    ("Bake on", "Roll back"),
    "- **Bake on** starts another bake round of the phase.\n- **Roll back** restores the stable revisions.\n",
)


def gated(*, by_another_person: bool) -> Policy:
    document = load_policy("release.yaml").model_dump(mode="json")
    gate = {"answer_timeout_seconds": 60, "by_another_person": by_another_person}
    return parse_policy({**document, "gates": {"half": gate}}, source="of the test")


def found(
    state: Any,
    waiting: Waiting | None = None,
    user: Any = None,
    *,
    outcome: Any = None,
    days: int = 0,
    policy: Policy | None = None,
) -> Any:
    ledger = FakeLedger()
    release = opened(ledger, policy=policy)
    if outcome:
        ledger.close(release.release_id, outcome=outcome, reason="why")
        release = ledger.release(release.release_id)
    now = (release.closed_at or release.opened_at) + timedelta(days=days)
    permits: Any = user or Allowed()
    return actions(release, state, waiting, permits, LINKS, now=now)


def test_an_approval_is_offered_to_another_person_with_airflows_form() -> None:
    approve, reject, roll_back, run = found("waiting", APPROVE)
    assert [approve.label, reject.label, roll_back.name, run.name] == [
        "Approve",
        "Reject",
        "roll_back",
        "open_run",
    ]
    assert (approve.weight, reject.weight) == ("primary", "danger")
    assert approve.url == (
        "/airflow/dags/release/runs/run/tasks/phase_2_production_preparation.approve/required_actions"
    )
    assert approve.form.body == {"chosen_options": ["Approve"], "params_input": {}}
    assert "also what happens without an answer" in reject.does


def test_the_question_of_a_rollback_is_answered_in_its_own_run_with_its_fields() -> None:
    reason = FormField(
        name="reason", title="Reason", description="Kept on record", value=None, options=(), required=False
    )
    waiting = question("database.undo_migrations", ("Undo the migrations", "Leave the schema")).model_copy(
        update={"dag_id": "rollback", "run_id": "manual__2", "fields": (reason,)}
    )
    undo, leave, *_ = found("rolled_back", waiting, outcome="rolled_back")
    assert [undo.label, undo.weight, leave.weight] == ["Undo the migrations", "danger", "primary"]
    assert undo.url.startswith("/airflow/dags/rollback/runs/manual__2/tasks/database.undo_migrations")
    path = "/airflow/api/v2/dags/rollback/dagRuns/manual__2/taskInstances/database.undo_migrations/"
    assert undo.form.path.startswith(path)
    assert undo.form.fields == (reason,)


def test_who_asked_for_the_release_cannot_approve_it_and_can_reject_it() -> None:
    first, *_ = found("waiting", APPROVE, Allowed("ada"))
    assert first.label == "Reject"
    first, *_ = found("on_hold", FROZEN, Allowed("ada"))
    assert first.label == "Bake on"


@pytest.mark.parametrize("by_another_person", [True, False])
def test_a_gate_between_two_phases_takes_the_policys_approvers(by_another_person: bool) -> None:
    waiting = question("phase_3_canary.bake", ("Approve", "Bake on", "Roll back"))
    policy = gated(by_another_person=by_another_person)
    labels = [one.label for one in found("waiting", waiting, Allowed("ada"), policy=policy)]
    assert ("Approve" in labels) != by_another_person
    assert "Bake on" in labels


def test_an_answer_says_what_the_question_says_of_it() -> None:
    bake_on, *_ = found("on_hold", FROZEN)
    assert bake_on.does == "Bake on starts another bake round of the phase."


def test_a_release_on_hold_is_rolled_back_by_one_button() -> None:
    assert [one.label for one in found("on_hold", FROZEN)] == ["Bake on", "Roll back", "Open the run"]
    labels = [one.label for one in found("on_hold", FROZEN, Allowed(answer=False))]
    assert labels == ["Roll back", "Open the run"]


def test_nobody_is_offered_what_airflow_would_refuse() -> None:
    may_nothing = Allowed(trigger=False, answer=False)
    assert [one.name for one in found("waiting", APPROVE, may_nothing)] == ["open_run"]
    assert [one.name for one in found("waiting", APPROVE, Allowed(answer=False))] == ["roll_back", "open_run"]


@pytest.mark.parametrize(
    ("state", "outcome", "days", "offered"),
    [
        ("running", None, 0, True),
        ("rolling_back", None, 0, False),
        ("promoted", "promoted", 13, True),
        ("promoted", "promoted", 15, False),
        ("rolled_back", "rolled_back", 0, False),
    ],
)
def test_a_release_is_rolled_back_while_that_is_possible(
    state: str, outcome: str | None, days: int, offered: bool
) -> None:
    names = [one.name for one in found(state, outcome=outcome, days=days)]
    assert ("roll_back" in names) == offered
    assert ("release" in names) == (outcome is not None)


def test_the_rollbacks_form_is_the_dags() -> None:
    (roll_back,) = (one for one in found("running") if one.name == "roll_back")
    fields = {field.name: field for field in roll_back.form.fields}
    params = rollback_form()
    assert fields.keys() <= params.keys()
    assert list(fields["tier"].options) == params["tier"].schema["enum"]
    assert fields["release"].value.startswith("v1-2-0-")
    left_out = params.keys() - fields.keys()
    assert all(params[name].value is not None for name in left_out)
    assert (roll_back.form.path, roll_back.form.body) == (
        "/airflow/api/v2/dags/rollback/dagRuns",
        {"logical_date": None, "conf": {}},
    )
