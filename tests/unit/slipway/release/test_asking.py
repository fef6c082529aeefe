"""A question to a person, and what comes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Param
from slipway.release import asking
from slipway.release.asking import answer_of, ask, put_again, withdraw

from tests.fake_task_state import FakeTaskState

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def context() -> Any:
    """The context of a task."""
    return {"ti": SimpleNamespace(id="0"), "task_state_store": FakeTaskState()}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The questions that Airflow keeps; it drops the answer of one that is put again."""
    questions: list[dict[str, Any]] = []
    monkeypatch.setattr(asking, "upsert_hitl_detail", lambda **question: questions.append(question))
    return questions


def put(context: Any, question: str) -> None:
    waiting = ask(context, question, subject="?", body="", options=("Yes", "No"), safe="No", seconds=1)
    assert waiting.method_name == "on_answer"


def test_a_question_is_kept_and_the_task_waits_for_its_answer(
    context: Any, kept: list[dict[str, Any]]
) -> None:
    waiting = ask(
        context,
        "may it",
        subject="May it?",
        body="It may.",
        options=("Yes", "No"),
        safe="No",
        seconds=90,
        fields={"reason": Param(None, type=["null", "string"], title="Reason")},
    )
    assert (waiting.method_name, waiting.timeout.total_seconds()) == ("on_answer", 90)
    (question,) = kept
    assert (question["ti_id"], question["options"], question["defaults"]) == ("0", ["Yes", "No"], ["No"])
    assert question["params"]["reason"]["schema"]["title"] == "Reason"


def test_the_api_gets_a_mapping_of_no_fields(context: Any, kept: list[dict[str, Any]]) -> None:
    put(context, "may it")
    assert kept[0]["params"] == {}


def test_the_next_try_waits_for_the_answer_of_the_same_question_and_asks_another_one(
    context: Any, kept: list[dict[str, Any]]
) -> None:
    put(context, "may it")
    put(context, "may it")
    assert len(kept) == 1
    put(context, "may the other one")
    assert len(kept) == 2


def test_a_question_whose_answer_is_not_recorded_is_put_again(
    context: Any, kept: list[dict[str, Any]]
) -> None:
    put(context, "may it")
    withdraw(context)
    put(context, "may it")
    assert len(kept) == 2


def test_a_try_that_dies_before_airflow_has_the_question_leaves_it_to_the_next(
    context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(**_: Any) -> None:
        raise ConnectionError("the API server is gone")

    with monkeypatch.context() as broken:
        broken.setattr(asking, "upsert_hitl_detail", dies)
        with pytest.raises(ConnectionError):
            put(context, "may it")
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(asking, "upsert_hitl_detail", lambda **question: asked.append(question))
    put(context, "may it")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("user", "words"),
    [({"id": "7", "name": "jo"}, "jo answered 'Yes'"), (None, "nobody answered in time")],
)
def test_an_answer_says_who_gave_it(user: dict[str, str] | None, words: str) -> None:
    event = {"chosen_options": ["Yes"], "responded_at": NOW, "responded_by_user": user, "params_input": None}
    answer = answer_of(event)
    assert str(answer) == words
    assert (answer.option, answer.user, answer.at, answer.fields) == ("Yes", user, NOW, {})


def test_an_answer_has_what_was_filled_in() -> None:
    event = {
        "chosen_options": ["Yes"],
        "responded_at": NOW,
        "responded_by_user": {"id": "7", "name": "jo"},
        "params_input": {"reason": "it must"},
    }
    assert answer_of(event).fields == {"reason": "it must"}


def test_the_time_for_an_answer_runs_from_when_the_question_was_put_first(
    context: Any, kept: list[dict[str, Any]]
) -> None:
    def seconds_left(question: str) -> float:
        waiting = ask(context, question, subject="?", body="", options=("Yes",), safe="Yes", seconds=3600)
        return float(waiting.timeout.total_seconds())

    seconds_left("may it")
    until = {"question": "may it", "until": NOW.isoformat()}
    context["task_state_store"].set("slipway_question_until", until)
    assert seconds_left("may it") == 0, "another try of the task"
    put_again(context)
    assert seconds_left("may it") == 0, "a refused answer"
    assert len(kept) == 2
    withdraw(context)
    assert seconds_left("may it") > 3500, "put anew"
    context["task_state_store"].set("slipway_question_until", until)
    assert seconds_left("may the other one") > 3500
