"""Asking a person in Airflow's required actions: the one place that knows how Airflow keeps a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError, TaskAwaitingInput
from airflow.sdk.execution_time.hitl import update_hitl_detail_response, upsert_hitl_detail

from slipway.ledger.entries import Person

if TYPE_CHECKING:
    from airflow.sdk import Context, Param
    from structlog.typing import FilteringBoundLogger

#: Method of the operator that gets the answer.
ANSWERED = "on_answer"
#: Key of Airflow's task state store, which outlives a try, under which the question that stands is named.
_STANDING = "slipway_question"
#: Key under which it is kept until when a question may be answered, also when it is put again.
_UNTIL = "slipway_question_until"


@dataclass(frozen=True)
class Answer:
    """What came of a question.

    :param option: the option chosen; the safe one when nobody answered in time.
    :param user: ``id`` and ``name`` of the person; None when nobody answered in time.
    :param at: when.
    :param fields: what the person filled in, by name.
    """

    option: str
    user: Mapping[str, Any] | None
    at: datetime
    fields: Mapping[str, Any]

    @property
    def person(self) -> Person | None:
        """Who answered, as it goes on record."""
        return None if self.user is None else Person(id=self.user["id"], name=self.user["name"])

    def __str__(self) -> str:
        return f"{self.user['name']} answered {self.option!r}" if self.user else "nobody answered in time"


def put(
    context: Context,
    question: str,
    *,
    subject: str,
    body: str,
    options: Sequence[str],
    safe: str,
    seconds: float,
    fields: Mapping[str, Param] | None = None,
    respondents: Sequence[str] = (),
) -> timedelta:
    """Put a question before a person.

    A try that finds the question of an earlier try waits for its answer, and gets one that a person gave
    already: Airflow drops the answer of a question that is put again. The time for an answer runs from when
    the question was put first.

    :param context: of the task that asks.
    :param question: name of the question, another one for each that the task asks.
    :param subject: the question in one line.
    :param body: Markdown; what the person needs to know, and what each option does.
    :param options: what may be answered.
    :param safe: the option that counts when nobody answers in time.
    :param seconds: how long to wait for an answer.
    :param fields: what else the person may fill in, by name.
    :param respondents: ids of the users whom Airflow lets answer; empty for whoever may answer there.
    :return: the time left for an answer.
    """
    left = _time_left(context, question, seconds)
    if not stands(context, question):
        upsert_hitl_detail(
            ti_id=context["ti"].id,
            options=list(options),
            subject=subject,
            body=body,
            defaults=[safe],
            # The API takes a mapping, and refuses the none that is the default.
            params={name: param.serialize() for name, param in (fields or {}).items()},
            assigned_users=[{"id": user, "name": user} for user in respondents],
        )
        context["task_state_store"].set(_STANDING, question)
    return left


def ask(context: Context, question: str, **about: Any) -> TaskAwaitingInput:
    """Put a question as :func:`put` takes it; raising what is returned waits without a worker's slot.

    :param context: of the task that asks.
    :param question: name of the question, another one for each that the task asks.
    :return: what the task must raise; Airflow then resumes it with the answer in ``on_answer``.
    """
    return TaskAwaitingInput(method_name=ANSWERED, timeout=put(context, question, **about))


def close(context: Context, option: str, log: FilteringBoundLogger) -> None:
    """Answer the question that stands, because something else has decided it: nobody can any more.

    :param context: of the task that asked.
    :param option: the answer.
    :param log: the task's log; gets why it could not be closed, such as an answer at the same moment.
    """
    try:
        update_hitl_detail_response(ti_id=context["ti"].id, chosen_options=[option], params_input={})
    except AirflowRuntimeError as error:
        log.warning("The question could not be closed: %s", error)
    withdraw(context)


def _time_left(context: Context, question: str, seconds: float) -> timedelta:
    kept, now = context["task_state_store"].get(_UNTIL), datetime.now(UTC)
    if isinstance(kept, dict) and kept["question"] == question:
        return max(datetime.fromisoformat(str(kept["until"])) - now, timedelta())
    whole = timedelta(seconds=seconds)
    context["task_state_store"].set(_UNTIL, {"question": question, "until": (now + whole).isoformat()})
    return whole


def stands(context: Context, question: str) -> bool:
    """Tell whether an earlier try put the question, and its answer is not on record yet.

    :param context: of the task that asks.
    :param question: name of the question.
    """
    return bool(context["task_state_store"].get(_STANDING) == question)


def withdraw(context: Context) -> None:
    """Drop the question that stands, after an answer that is not put on record: it may be put anew.

    :param context: of the task that asked.
    """
    put_again(context)
    context["task_state_store"].delete(_UNTIL)


def put_again(context: Context) -> None:
    """Let the question that stands be put again, for the rest of its time: its answer did not count.

    :param context: of the task that asked.
    """
    context["task_state_store"].delete(_STANDING)


def answer_of(event: Mapping[str, Any]) -> Answer:
    """Read what Airflow resumes a task with.

    :param event: Airflow's: ``chosen_options``, ``responded_at``, ``params_input``, and
        ``responded_by_user``, None when nobody answered in time.
    :return: the answer.
    """
    (option,) = event["chosen_options"]
    return Answer(
        option, event["responded_by_user"], event["responded_at"], dict(event.get("params_input") or {})
    )


def refusal(answer: Answer, *, requester: str | None, respondents: Sequence[str] = ()) -> str | None:
    """Say why an answer of a person does not count; None when it does.

    :param answer: the answer.
    :param requester: who requested what is asked about, and may not answer so; None: they may.
    :param respondents: ids of the users who may answer; empty for everybody.
    """
    if answer.user is None:
        return None
    own = (answer.user["id"], answer.user["name"])
    if requester in own:
        return f"{answer}, which does not count: {requester} requested the release, and somebody else has to"
    if respondents and answer.user["id"] not in respondents:
        return f"{answer}, which does not count: only {', '.join(respondents)} may answer"
    return None
