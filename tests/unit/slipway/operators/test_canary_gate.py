"""The gate before the canary: skipped without one, asked with the evidence, and a no ends the release."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput
from slipway.ledger.entries import AnswerRefused, ApprovalDecided
from slipway.ledger.timeline import is_rollback_started
from slipway.operators.canary_gate import ApproveCanaryOperator
from slipway.policy.release import load_policy, parse_policy
from slipway.release.undecided import APPROVE, ROLL_BACK

from tests.fake_ledger import FakeLedger
from tests.fake_task_state import FakeTaskState, asking_task

DOCUMENT = load_policy("release.yaml").model_dump(mode="json")
GATE = {"canary": {"answer_timeout_seconds": 60}}


@pytest.fixture
def context() -> Any:
    return {"ti": asking_task(), "task_state_store": FakeTaskState()}


def operator(gates: Any = GATE) -> Any:
    """Return the operator of a release that ada requested, with these gates."""
    made: Any = ApproveCanaryOperator(task_id="approve")
    policy = parse_policy({**DOCUMENT, "gates": gates}, source="of the test")
    release = SimpleNamespace(release_id="r", version="1.2.0", actor="ada", policy=policy)
    made.release = lambda _context: release
    made.notify_once = lambda *_: None
    made.__dict__["ledger"] = FakeLedger(release_id="r")
    return made


def answer(option: str, user: str | None) -> dict[str, Any]:
    person = None if user is None else {"id": user, "name": user}
    return {"chosen_options": [option], "responded_at": datetime.now(UTC), "responded_by_user": person}


def test_without_a_gate_nobody_is_asked(context: Any, asked: list[dict[str, Any]]) -> None:
    with pytest.raises(AirflowSkipException, match="no gate before the canary"):
        operator({}).execute(context)
    assert asked == []


def test_another_person_approves_and_a_second_try_asks_nobody(
    context: Any, asked: list[dict[str, Any]]
) -> None:
    task = operator()
    for event in (None, answer(APPROVE, "ada")):
        with pytest.raises(TaskAwaitingInput):
            task.on_answer(context, event) if event else task.execute(context)
    assert "ada requested the release and cannot approve it" in asked[0]["body"]
    assert asked[1]["body"].startswith("**ada answered 'Approve', which does not count")
    assert task.ledger.get("r", AnswerRefused, question="canary_gate") is not None
    assert task.on_answer(context, answer(APPROVE, "jo")) == task.execute(context) == "jo answered 'Approve'"
    assert not is_rollback_started(task.ledger.entries("r"))
    assert task.ledger.get("r", ApprovalDecided) is None, "production's approval is another one"


@pytest.mark.parametrize(("user", "words"), [("ada", "ada answered 'Roll back'"), (None, "nobody answered")])
def test_a_no_fails_the_task_which_starts_the_rollback(context: Any, user: str | None, words: str) -> None:
    task = operator()
    for follow in (lambda: task.on_answer(context, answer(ROLL_BACK, user)), lambda: task.execute(context)):
        with pytest.raises(AirflowFailException, match=f"Canary not approved: {words}"):
            follow()
    assert is_rollback_started(task.ledger.entries("r"))
