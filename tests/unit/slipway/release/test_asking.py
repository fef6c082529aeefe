"""A question to a person, and what comes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Param
from slipway.release import asking
from slipway.release.asking import answer_of, ask

CONTEXT: Any = {"ti": SimpleNamespace(id="0")}
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_question_is_kept_and_the_task_waits_for_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[dict[str, Any]] = []
    monkeypatch.setattr(asking, "upsert_hitl_detail", lambda **question: kept.append(question))
    waiting = ask(
        CONTEXT,
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


def test_the_api_gets_a_mapping_of_no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[dict[str, Any]] = []
    monkeypatch.setattr(asking, "upsert_hitl_detail", lambda **question: kept.append(question))
    ask(CONTEXT, subject="?", body="", options=("Yes", "No"), safe="No", seconds=1)
    assert kept[0]["params"] == {}


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
