"""A person's approval: asked for with what changes, refused to whoever asked for the release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators.branch import BranchMixIn
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput
from slipway.analysis.verdict import Verdict
from slipway.ledger.entries import (
    AnswerRefused,
    ApprovalDecided,
    ChangesPlanned,
    ChecklistItemChecked,
    ConfigurationChange,
    ConfigurationWritten,
    DatabaseBackedUp,
    DatabaseChecked,
    GateDecided,
    LedgerEntry,
    LeftOut,
    MigrationsRehearsed,
    ReleaseOpened,
    SchemaMigrated,
    TemplateChange,
)
from slipway.operators.approval import APPROVE, REJECT, ApproveProductionOperator
from slipway.operators.gates import PreparationGateOperator
from slipway.policy.checklist import CHECKED_FIRST, ITEMS, Respondents
from slipway.policy.release import Policy, load_policy
from slipway.policy.windows import Freeze, ReleaseWindows

from tests.fake_ledger import BEGAN, FakeLedger
from tests.fake_task_state import FakeTaskState, asking_task

CHANGE = ConfigurationChange(document="pricing-config", key="markup", before="1.2", after="1.3", unit="x")
RECORD: Sequence[LedgerEntry] = (
    GateDecided(phase="staging", verdict=Verdict.PROMOTE, reason="all well"),
    ChangesPlanned(
        environment="production",
        revisions={"web": (TemplateChange(field="image", before="r/web:1", after="r/web:2"),)},
        configuration=(CHANGE,),
        migrations=("0014_column",),
        held={"0015_drop": "waits for 0014_column"},
    ),
    ConfigurationWritten(environment="production", versions={}),
    DatabaseChecked(
        environment="production", linted=True, due=(), tables=(), disk_bytes=9, used_bytes=1, required_bytes=2
    ),
    DatabaseBackedUp(environment="production", instance="db", backup="1", rows_before={}, rows_after={}),
    MigrationsRehearsed(
        environment="production", backup="1", instance="copy", rows={}, rehearsed=(), seconds=1
    ),
    SchemaMigrated(environment="production", applied=("0014_column",)),
)
FINE = {item: ChecklistItemChecked(item=item, passed=True, reason=f"{item} is fine") for item in ITEMS}
CONTEXT: Any = {}
POLICY = load_policy("release.yaml")
assert POLICY.approval is not None
ASKING = POLICY.model_copy(update={"approval": POLICY.approval.model_copy(update={"required": True})})


class Asking(ApproveProductionOperator):
    """The operator of a release that nothing but a ledger knows."""

    policy: Policy = ASKING
    outside: bool = False

    def release(self, context: Any) -> Any:
        return SimpleNamespace(
            run_id="run",
            release_id="r",
            version="1.2.0",
            actor="ada",
            policy=self.policy,
            plan=SimpleNamespace(follows=None, leave_out_newest=False, outside_windows=self.outside),
        )


@pytest.fixture(autouse=True)
def led_to(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where the operator branches to: None skips everything directly after it."""
    branches: list[Any] = []
    monkeypatch.setattr(BranchMixIn, "do_branch", lambda _self, _context, tasks: branches.append(tasks))
    return branches


@pytest.fixture(autouse=True)
def context() -> Any:
    """The context of the task, in all of its tries."""
    CONTEXT.update(ti=asking_task(), task_state_store=FakeTaskState())
    return CONTEXT


def operator(policy: Policy = ASKING, **items: ChecklistItemChecked) -> Asking:
    made = Asking(task_id="approve")
    made.policy = policy
    made.__dict__["ledger"] = FakeLedger(*RECORD, *(FINE | items).values())
    return made


def answer(option: str, user: str | None) -> dict[str, Any]:
    by = None if user is None else {"id": user, "name": user}
    return {"chosen_options": [option], "responded_at": datetime.now(UTC), "responded_by_user": by}


def test_it_asks_about_a_strangers_edit_although_no_approval_is_required(asked: list[dict[str, Any]]) -> None:
    found = LeftOut(revision="hand", by="eve", at=BEGAN, changes=(TemplateChange(field="image", after="x"),))
    task = operator(POLICY)
    task.ledger.append(
        "r", ReleaseOpened(actor="ada", left_out={"web": found}, rolled_back_before="release r0: 5 % errors")
    )
    with pytest.raises(TaskAwaitingInput):
        task.execute(CONTEXT)
    assert "- web: revision hand, deployed by eve at" in asked[0]["body"]
    assert "**This version was rolled back before**: release r0: 5 % errors" in asked[0]["body"]
    known = operator(POLICY)
    mine = found.model_copy(update={"release": "v1-1-0-abc"})
    known.ledger.append("r", ReleaseOpened(actor="ada", left_out={"web": mine}))
    with pytest.raises(AirflowSkipException, match="the policy asks for nobody's approval"):
        known.execute(CONTEXT)


def gate(task: Asking) -> GateDecided:
    """Judge the phase from what the operator left on record."""
    made = PreparationGateOperator(task_id="gate", phase="preparation")
    made.__dict__["ledger"] = task.ledger
    return made.judge(task.release({}), {})


def test_the_form_shows_what_changes_now_and_to_be_with_the_safe_answer_as_default(
    asked: list[dict[str, Any]],
) -> None:
    with pytest.raises(TaskAwaitingInput) as parked:
        operator().execute(CONTEXT)
    assert parked.value.timeout.total_seconds() == ASKING.approval.answer_timeout_seconds  # type: ignore[union-attr]
    (question,) = asked
    assert (question["options"], question["defaults"]) == ([APPROVE, REJECT], [REJECT])
    for words in (
        "Asked for by ada. ada cannot approve it. Nothing of production has changed yet.",
        "Without an answer within 1 h nothing will, and the release ends.",
        "- **Reject** ends the release; production stays as it is.",
        "| document | key | now | new | unit |",
        "| pricing-config | markup | 1.2 | 1.3 | x |",
        "- image r/web:1 -> r/web:2",
        "migrations due: 0014_column",
        "0015_drop: waits for 0014_column",
        f"{ITEMS[0]} is fine",
    ):
        assert words in question["body"]


@pytest.mark.parametrize(
    ("option", "user", "verdict", "words"),
    [
        (APPROVE, "jo", "promote", ""),
        (REJECT, "jo", "rollback", "not approved: jo answered 'Reject'"),
        (REJECT, "ada", "rollback", "not approved: ada answered 'Reject'"),
        (REJECT, None, "rollback", "not approved: nobody answered in time"),
    ],
)
def test_the_gate_follows_the_answer(
    asked: list[dict[str, Any]], led_to: list[Any], option: str, user: str | None, verdict: str, words: str
) -> None:
    task = operator()
    for follow in (lambda: task.on_answer(CONTEXT, answer(option, user)), lambda: task.execute(CONTEXT)):
        assert follow() is (verdict == "promote")
    assert led_to == ([] if verdict == "promote" else [None, None]), "what changes production is skipped"
    assert asked == [], "run again, it does not ask again"
    decision = gate(task)
    assert decision.verdict == verdict
    assert words in decision.reason


def test_whoever_asked_for_the_release_is_asked_for_somebody_else(asked: list[dict[str, Any]]) -> None:
    task = operator()
    with pytest.raises(TaskAwaitingInput):
        task.execute(CONTEXT)
    with pytest.raises(TaskAwaitingInput):
        task.on_answer(CONTEXT, answer(APPROVE, "ada"))
    assert len(asked) == 2
    assert asked[1]["body"].startswith(
        "**ada answered 'Approve', which does not count: ada requested the release, and somebody else has"
    )
    assert asked[1]["body"].endswith(asked[0]["body"]), "with what the first one showed"
    refused = task.ledger.get("r", AnswerRefused, question="production")
    assert refused is not None
    assert (refused.user.name, refused.sentence) == ("ada", refused.reason)
    assert task.ledger.get("r", ApprovalDecided) is None
    alone = ASKING.approval.model_copy(update={"by_another_person": False})  # type: ignore[union-attr]
    task = operator(ASKING.model_copy(update={"approval": alone}))
    assert task.on_answer(CONTEXT, answer(APPROVE, "ada")) is True


def test_nobody_is_asked_where_the_policy_wants_nobody_or_the_checklist_is_no_go(
    asked: list[dict[str, Any]],
) -> None:
    for policy in (POLICY, POLICY.model_copy(update={"approval": None})):
        with pytest.raises(AirflowSkipException, match="Production approved: the policy asks for nobody's"):
            operator(policy).execute(CONTEXT)
    failed = ChecklistItemChecked(item=ITEMS[0], passed=False, reason="it is not")
    task = operator(ASKING, **{str(ITEMS[0]): failed})
    assert task.execute(CONTEXT) is False
    decided = task.ledger.get("r", ApprovalDecided)
    assert decided is not None
    assert "the checklist is no go" in decided.reason
    assert gate(task).verdict == "rollback"
    assert "it is not" in gate(task).reason
    assert asked == []


def test_the_next_try_waits_for_the_answer_that_the_last_one_did_not_record(
    asked: list[dict[str, Any]],
) -> None:
    for _ in range(2):
        with pytest.raises(TaskAwaitingInput):
            operator().execute(CONTEXT)
    assert len(asked) == 1


def test_what_can_only_be_said_after_the_writing_is_not_asked_before_it(asked: list[dict[str, Any]]) -> None:
    task = operator()
    task.__dict__["ledger"] = FakeLedger(
        *(entry for entry in RECORD if not isinstance(entry, ConfigurationWritten | SchemaMigrated)),
        *(FINE[item] for item in CHECKED_FIRST),
    )
    with pytest.raises(TaskAwaitingInput):
        task.execute(CONTEXT)
    assert task.on_answer(CONTEXT, answer(REJECT, "jo")) is False
    assert gate(task).reason == "not approved: jo answered 'Reject'", "and not what was never written"


def frozen(policy: Policy) -> Policy:
    """A policy with a freeze at this moment."""
    now = datetime.now(UTC).replace(tzinfo=None)
    freeze = Freeze(
        name="Year end", begins=now - timedelta(days=1), ends=now + timedelta(days=1), reason="few people"
    )
    return policy.model_copy(update={"release_windows": ReleaseWindows(freezes=(freeze,))})


@pytest.mark.parametrize("policy", [POLICY, ASKING])
def test_production_is_not_begun_in_a_freeze_and_nobody_is_asked(
    asked: list[dict[str, Any]], policy: Policy
) -> None:
    task = operator(frozen(policy))
    assert task.execute(CONTEXT) is False
    assert asked == []
    assert gate(task).verdict == "rollback"
    assert "not approved: nobody was asked; production is not begun now: freeze Year end" in gate(task).reason


def test_an_approval_that_comes_after_the_window_has_closed_begins_nothing(
    asked: list[dict[str, Any]],
) -> None:
    task = operator()
    with pytest.raises(TaskAwaitingInput):
        task.execute(CONTEXT)
    task.policy = frozen(ASKING)
    assert task.on_answer(CONTEXT, answer(APPROVE, "jo")) is False
    decided = task.ledger.get("r", ApprovalDecided)
    assert decided is not None
    assert (decided.approved, decided.user and decided.user.name) == (False, "jo")
    assert "jo answered 'Approve'; production is not begun now" in decided.reason


@pytest.mark.parametrize("by_another_person", [True, False])
def test_an_override_of_the_windows_is_always_approved_by_somebody_else(
    asked: list[dict[str, Any]], by_another_person: bool
) -> None:
    assert POLICY.approval is not None
    alone = POLICY.approval.model_copy(update={"by_another_person": by_another_person})
    task = operator(frozen(POLICY.model_copy(update={"approval": alone})))
    task.outside = True
    task.ledger.append("r", ReleaseOpened(actor="ada", reason="customers cannot sign in"))
    with pytest.raises(TaskAwaitingInput):
        task.execute(CONTEXT)
    body = asked[0]["body"]
    assert "ada cannot approve it." in body
    assert "**Overrides the release windows**: freeze Year end until" in body
    assert "ada: customers cannot sign in" in body
    with pytest.raises(TaskAwaitingInput):
        task.on_answer(CONTEXT, answer(APPROVE, "ada"))
    assert task.on_answer(CONTEXT, answer(APPROVE, "jo")) is True
    decided = task.ledger.get("r", ApprovalDecided)
    assert decided is not None
    assert "jo answered 'Approve', overriding freeze Year end until" in decided.sentence


def test_a_refused_answer_does_not_lengthen_the_time(asked: list[dict[str, Any]]) -> None:
    task = operator()
    with pytest.raises(TaskAwaitingInput) as first:
        task.execute(CONTEXT)
    CONTEXT["task_state_store"].set(
        "slipway_question_until",
        {
            "question": ApprovalDecided.key_of(),
            "until": (datetime.now(UTC) + timedelta(seconds=60)).isoformat(),
        },
    )
    for _ in range(2):
        with pytest.raises(TaskAwaitingInput) as again:
            task.on_answer(CONTEXT, answer(APPROVE, "ada"))
        assert again.value.timeout.total_seconds() <= 60 < first.value.timeout.total_seconds()
    refused = list(task.ledger.entries("r").of_kind(AnswerRefused))
    assert [one.round for one in refused] == [1, 2]


def test_only_the_people_and_roles_that_the_policy_names_may_answer(asked: list[dict[str, Any]]) -> None:
    named = POLICY.model_copy(
        update={
            "roles": {"approvers": ("jo", "kim")},
            "answered_by": Respondents(people=("max",)),
            "approval": ASKING.approval.model_copy(  # type: ignore[union-attr]
                update={"answered_by": Respondents(people=("lea", "jo"), roles=("approvers",))}
            ),
        }
    )
    task = operator(named)
    with pytest.raises(TaskAwaitingInput):
        task.execute(CONTEXT)
    assert asked[0]["assigned_users"] == [{"id": user, "name": user} for user in ("lea", "jo", "kim")]
    with pytest.raises(TaskAwaitingInput):
        task.on_answer(CONTEXT, answer(APPROVE, "max"))
    assert "max answered 'Approve', which does not count: only lea, jo, kim may answer" in asked[1]["body"]
    assert task.on_answer(CONTEXT, answer(APPROVE, "kim")) is True
