"""The bake sensor: a frozen phase is put before a person, who cannot promote it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from slipway.exceptions import NotificationFailed
from slipway.ledger.bakes import recorded_bakes
from slipway.ledger.entries import AnswerRefused, BakeAnswered, ChangeSettled, GateDecided, TrafficShifted
from slipway.notifiers.team import TeamNotifier
from slipway.operators.gates import BakeGateOperator
from slipway.policy.checklist import Gate
from slipway.policy.release import load_policy
from slipway.release import asking, bake, phase_gate, undecided
from slipway.release.undecided import ADOPT, APPROVE, BAKE_ON, RESTORE, ROLL_BACK
from slipway.sensors.bake import BakeSensor

from tests.fake_ledger import FakeLedger
from tests.fake_task_state import FakeTaskState, asking_task

FROZEN = {"verdict": "hold", "reason": "Error rate frozen", "findings": [], "needs_a_person": True}
CHANGED = {**FROZEN, "reason": "service web: changed by eve", "cause": "changed_by_another_party"}
PROMOTED = {"verdict": "promote", "reason": "all well", "findings": [], "needs_a_person": False}
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
POLICY = load_policy("release.yaml")
SHIFTED = TrafficShifted(phase="half", at=datetime(2026, 1, 31, 11, tzinfo=UTC), changes={})
RELEASE: Any = SimpleNamespace(
    release_id="r",
    run_id="run",
    version="1.1.0",
    policy=POLICY,
    outcome=None,
    plan=SimpleNamespace(progressive=None, services={}),
    stable={},
)


class Frozen(BakeSensor):
    """The sensor of a release that nothing but a ledger knows."""

    def release(self, context: Any) -> Any:
        return RELEASE


@pytest.fixture
def asked(asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a person is asked, of a service that has a stable revision."""
    monkeypatch.setattr(bake, "stable_revision", lambda *_: "stable")
    return asked


@pytest.fixture
def sensor() -> BakeSensor:
    """A sensor of the second phase with a ledger of its own."""
    made = Frozen(task_id="bake", phase="half")
    made.__dict__["ledger"] = FakeLedger(SHIFTED)
    made.__dict__["cloud_run"] = None
    return made


def answer(option: str, user: str | None = "jo") -> dict[str, Any]:
    by = None if user is None else {"id": user, "name": user}
    return {"chosen_options": [option], "responded_at": NOW, "responded_by_user": by}


def gate(sensor: BakeSensor) -> GateDecided:
    """Judge the phase from what the sensor left on record."""
    made = BakeGateOperator(task_id="gate", phase="half")
    made.__dict__["ledger"] = sensor.ledger
    return made.judge(RELEASE, {})


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The releases whose evidence is drawn."""
    releases: list[str] = []
    monkeypatch.setattr(
        "slipway.sensors.bake.keep_drawings", lambda release, _: releases.append(release.release_id)
    )
    return releases


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the team is told."""
    messages: list[str] = []
    monkeypatch.setattr(TeamNotifier, "notify", lambda self, _: messages.append(self.message))
    return messages


CONTEXT: Any = {}


@pytest.fixture(autouse=True)
def context() -> Any:
    """The context of the task, in all of its tries."""
    CONTEXT.update(ti=asking_task(), task_state_store=FakeTaskState())
    return CONTEXT


def freeze(sensor: BakeSensor) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as parked:
        sensor.execute_complete(CONTEXT, dict(FROZEN))
    return parked.value


def test_a_frozen_phase_is_put_before_a_person_with_the_safe_answer_as_default(
    sensor: BakeSensor, asked: list[dict[str, Any]], told: list[str]
) -> None:
    parked = freeze(sensor)
    assert parked.method_name == "on_answer"
    path, kept = parked.trigger.serialize()
    assert path == "slipway.triggers.asked_bake.AskedBakeTrigger"
    began, until = (datetime.fromisoformat(kept[name]) for name in ("started_at", "until"))
    assert (until - began).total_seconds() == POLICY.decision.decision_timeout_seconds
    assert (kept["bake_round"], kept["safe"]) == (2, ROLL_BACK), "the metrics stay checked, as a round more"
    (question,) = asked
    assert question["options"] == [BAKE_ON, ROLL_BACK]
    assert question["defaults"] == [ROLL_BACK]
    assert "Error rate frozen" in question["body"]
    assert [message.splitlines()[1] for message in told] == ["Error rate frozen."]


def test_a_person_is_asked_even_where_the_team_cannot_be_told(
    sensor: BakeSensor, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise NotificationFailed("connection team: nobody answers")

    monkeypatch.setattr(TeamNotifier, "notify", fails)
    freeze(sensor)
    assert len(asked) == 1


@pytest.mark.parametrize(("user", "words"), [("jo", "jo answered 'Roll back'"), (None, "nobody answered")])
def test_without_the_answer_to_watch_on_the_phase_is_rolled_back(
    sensor: BakeSensor, asked: list[dict[str, Any]], user: str | None, words: str
) -> None:
    freeze(sensor)
    assert sensor.on_answer(CONTEXT, answer(ROLL_BACK, user)) == ROLL_BACK
    decision = gate(sensor)
    assert decision.verdict == "hold"
    assert words in decision.reason


def test_baking_on_takes_new_evidence_from_the_answer_on(
    sensor: BakeSensor, asked: list[dict[str, Any]]
) -> None:
    freeze(sensor)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.on_answer(CONTEXT, answer(BAKE_ON))
    _, arguments = deferred.value.trigger.serialize()
    assert (arguments["bake_round"], arguments["started_at"]) == (2, NOW.isoformat())
    ledger = sensor.ledger
    assert isinstance(ledger, FakeLedger)
    (until,) = ledger.locks.renewed
    assert until > datetime.now(UTC) + timedelta(seconds=POLICY.lease_seconds - 60), (
        "it may last as long again"
    )
    assert gate(sensor).verdict == "hold", "an answer alone promotes nothing"
    assert sensor.execute_complete(CONTEXT, dict(PROMOTED)) == "promote"
    assert gate(sensor).verdict == "promote"
    assert [bake.number for bake, _ in recorded_bakes(sensor.ledger.entries("r"), "half")] == [1, 2]


def test_a_sensor_that_runs_again_goes_on_with_the_bake_that_was_under_way(
    sensor: BakeSensor, asked: list[dict[str, Any]]
) -> None:
    freeze(sensor)
    with pytest.raises(TaskDeferred):
        sensor.on_answer(CONTEXT, answer(BAKE_ON))
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(CONTEXT)
    _, arguments = deferred.value.trigger.serialize()
    assert (arguments["bake_round"], arguments["started_at"]) == (2, NOW.isoformat())


def test_a_phase_that_freezes_again_asks_again(sensor: BakeSensor, asked: list[dict[str, Any]]) -> None:
    freeze(sensor)
    with pytest.raises(TaskDeferred):
        sensor.on_answer(CONTEXT, answer(BAKE_ON))
    freeze(sensor)
    assert len(asked) == 2
    sensor.on_answer(CONTEXT, answer(ROLL_BACK))
    assert "jo answered 'Roll back'" in gate(sensor).reason


def test_an_answer_whose_try_died_before_it_was_recorded_is_not_asked_for_again(
    sensor: BakeSensor, asked: list[dict[str, Any]], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise ConnectionError("the ledger is gone")

    freeze(sensor)
    with monkeypatch.context() as broken:
        broken.setattr(sensor, "record", dies)
        with pytest.raises(ConnectionError):
            sensor.on_answer(CONTEXT, answer(BAKE_ON))
    with pytest.raises(TaskDeferred) as parked:
        sensor.execute(CONTEXT)
    assert parked.value.method_name == "on_answer"
    assert len(asked) == 1, "Airflow drops the answer of a question that is put again"
    assert len(told) == 1
    with pytest.raises(TaskDeferred):
        sensor.on_answer(CONTEXT, answer(BAKE_ON))
    assert sensor.ledger.entries("r").get(BakeAnswered, phase="half", round=1)


def test_a_sensor_that_runs_again_keeps_the_locks_for_the_bake_that_a_person_ordered(
    sensor: BakeSensor, asked: list[dict[str, Any]]
) -> None:
    freeze(sensor)
    ledger = sensor.ledger
    assert isinstance(ledger, FakeLedger)
    with pytest.raises(TaskDeferred):
        sensor.on_answer(CONTEXT, answer(BAKE_ON))
    ledger.locks.renewed.clear()
    with pytest.raises(TaskDeferred):
        sensor.execute(CONTEXT)
    assert len(ledger.locks.renewed) == 1


@pytest.mark.parametrize("user", [None, "jo"])
def test_a_sensor_that_runs_again_keeps_the_verdict_and_the_answer_on_record(
    sensor: BakeSensor, asked: list[dict[str, Any]], user: str | None
) -> None:
    freeze(sensor)
    sensor.on_answer(CONTEXT, answer(ROLL_BACK, user))
    assert sensor.execute(CONTEXT) == ROLL_BACK
    assert len(asked) == 1


def test_a_sensor_that_runs_again_after_its_verdict_does_not_bake_again(
    sensor: BakeSensor, asked: list[dict[str, Any]]
) -> None:
    assert sensor.execute_complete(CONTEXT, dict(PROMOTED)) == "promote"
    assert sensor.execute(CONTEXT) == "promote"


@pytest.mark.parametrize(
    ("serves", "options"), [(True, [ADOPT, RESTORE, ROLL_BACK]), (False, [RESTORE, ROLL_BACK])]
)
def test_a_change_by_somebody_else_is_put_before_a_person(
    sensor: BakeSensor,
    asked: list[dict[str, Any]],
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    serves: bool,
    options: list[str],
) -> None:
    """What serves nobody cannot be adopted: there would be no evidence."""
    monkeypatch.setattr(undecided, "serves_new_revision", lambda *_: serves)
    with pytest.raises(TaskDeferred):
        sensor.execute_complete(CONTEXT, dict(CHANGED))
    (question,) = asked
    assert (question["options"], question["defaults"]) == (options, [ROLL_BACK])
    assert "changed by eve" in question["body"]
    assert gate(sensor).verdict == "hold"


@pytest.mark.parametrize(("option", "action"), [(ADOPT, "adopt"), (RESTORE, "restore")])
def test_the_bake_goes_on_after_the_change_is_settled(
    sensor: BakeSensor,
    asked: list[dict[str, Any]],
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    action: Any,
) -> None:
    def settle(*_: Any, **how: Any) -> ChangeSettled:
        assert how["action"] == action
        return ChangeSettled(phase="half", action=action, states={})

    monkeypatch.setattr(undecided, "serves_new_revision", lambda *_: True)
    monkeypatch.setattr(undecided, "settle_change", settle)
    with pytest.raises(TaskDeferred):
        sensor.execute_complete(CONTEXT, dict(CHANGED))
    with pytest.raises(TaskDeferred) as deferred:
        sensor.on_answer(CONTEXT, answer(option))
    kept = deferred.value.trigger.serialize()[1]
    assert kept["bake_round"] == 2
    assert datetime.fromisoformat(kept["started_at"]) > NOW, "what the change did is no evidence"
    record = sensor.ledger.entries("r")
    assert record.get(ChangeSettled, phase="half") is not None
    answered = record.get(BakeAnswered, phase="half")
    assert answered is not None
    assert answered.bake_on


def test_the_evidence_is_drawn_at_the_verdict_but_a_rollback_comes_first(
    sensor: BakeSensor, asked: list[dict[str, Any]], drawn: list[str]
) -> None:
    sensor.execute_complete(CONTEXT, {**FROZEN, "verdict": "rollback", "needs_a_person": False})
    assert drawn == []


@pytest.mark.parametrize("event", [PROMOTED, FROZEN])
def test_the_evidence_is_drawn_at_a_verdict_that_promotes_or_needs_a_decision(
    sensor: BakeSensor, asked: list[dict[str, Any]], drawn: list[str], event: dict[str, Any]
) -> None:
    with suppress(TaskDeferred):
        sensor.execute_complete(CONTEXT, dict(event))
    assert drawn == ["r"]


GATED = {
    "policy": POLICY.model_copy(update={"gates": {"full": Gate(answer_timeout_seconds=600)}}),
    "actor": "ada",
}


@pytest.fixture
def gated(sensor: BakeSensor, monkeypatch: pytest.MonkeyPatch) -> BakeSensor:
    """The sensor of a phase before a gate."""
    release = SimpleNamespace(**{**vars(RELEASE), **GATED})
    monkeypatch.setattr(Frozen, "release", lambda *_: release)
    monkeypatch.setattr(phase_gate, "skipped_bake", lambda *_: None)
    return sensor


def gate_of(sensor: BakeSensor) -> GateDecided:
    made = BakeGateOperator(task_id="gate", phase="half")
    made.__dict__["ledger"] = sensor.ledger
    return made.judge(sensor.release(CONTEXT), {})


def promote(sensor: BakeSensor) -> dict[str, Any]:
    """Let the evidence promote the phase, and return what the trigger gets that waits for a person."""
    with pytest.raises(TaskDeferred) as asking:
        sensor.execute_complete(CONTEXT, dict(PROMOTED))
    return dict(asking.value.trigger.serialize()[1])


def test_a_gate_asks_for_the_next_phase_with_the_evidence_and_what_each_answer_does(
    gated: BakeSensor, asked: list[dict[str, Any]], told: list[str]
) -> None:
    finding = {
        "metric": "error_rate",
        "verdict": "promote",
        "reason": "0.05 %",
        "observed": 0.05,
        "events": 9,
    }
    with pytest.raises(TaskDeferred):
        gated.execute_complete(CONTEXT, {**PROMOTED, "findings": [finding]})
    (question,) = asked
    assert (question["options"], question["defaults"]) == ([APPROVE, BAKE_ON, ROLL_BACK], [ROLL_BACK])
    assert question["subject"] == "Release 1.1.0: may it go to 100 % of the traffic?"
    for words in (
        "ada requested the release and cannot approve it",
        "- 0.05 %",
        "gives 100 % of the traffic",
    ):
        assert words in question["body"]
    assert len(told) == 1
    decided = gate_of(gated)
    assert (decided.verdict, decided.reason) == ("rollback", "not approved: nobody was asked: all well")


@pytest.mark.parametrize(
    ("option", "user", "verdict", "words"),
    [
        (APPROVE, "jo", "promote", "jo answered 'Approve': all well"),
        (ROLL_BACK, "ada", "rollback", "not approved: ada answered 'Roll back': all well"),
        (ROLL_BACK, None, "rollback", "not approved: nobody answered in time: all well"),
    ],
)
def test_the_next_phase_begins_only_when_somebody_else_approves(
    gated: BakeSensor,
    asked: list[dict[str, Any]],
    option: str,
    user: str | None,
    verdict: str,
    words: str,
) -> None:
    promote(gated)
    assert gated.on_answer(CONTEXT, answer(option, user)) == option
    assert gated.execute(CONTEXT) == option, "run again, it does not ask again"
    decided = gate_of(gated)
    assert (decided.verdict, decided.reason) == (verdict, words)


def test_an_own_approval_of_a_gate_is_on_record_and_said_in_the_form(
    gated: BakeSensor, asked: list[dict[str, Any]]
) -> None:
    until = promote(gated)["until"]
    with pytest.raises(TaskDeferred) as again:
        gated.on_answer(CONTEXT, answer(APPROVE, "ada"))
    left = datetime.fromisoformat(again.value.trigger.serialize()[1]["until"]) - datetime.fromisoformat(until)
    assert abs(left.total_seconds()) < 1, "the time for an answer is no longer"
    assert asked[1]["body"].startswith("**ada answered 'Approve', which does not count: ada requested")
    refused = gated.ledger.get("r", AnswerRefused, question="half")
    assert refused is not None
    assert gated.on_answer(CONTEXT, answer(APPROVE, "jo")) == APPROVE


def test_a_gate_can_bake_the_phase_on_and_asks_again(gated: BakeSensor, asked: list[dict[str, Any]]) -> None:
    promote(gated)
    with pytest.raises(TaskDeferred) as baking:
        gated.on_answer(CONTEXT, answer(BAKE_ON, "ada"))
    assert baking.value.method_name == "execute_complete"
    promote(gated)
    assert len(asked) == 2
    gated.on_answer(CONTEXT, answer(APPROVE))
    assert gate_of(gated).verdict == "promote"


@pytest.mark.parametrize("question", [PROMOTED, FROZEN])
def test_metrics_that_turn_bad_before_an_answer_close_the_question_and_roll_back(
    gated: BakeSensor,
    asked: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    question: dict[str, Any],
) -> None:
    closed: list[dict[str, Any]] = []
    monkeypatch.setattr(asking, "update_hitl_detail_response", lambda **answer: closed.append(answer))
    with pytest.raises(TaskDeferred):
        gated.execute_complete(CONTEXT, dict(question))
    bad = {**PROMOTED, "verdict": "rollback", "reason": "5 % errors"}
    assert gated.on_answer(CONTEXT, dict(bad)) == "rollback"
    assert [one["chosen_options"] for one in closed] == [[ROLL_BACK]]
    decided = gate_of(gated)
    assert (decided.verdict, decided.reason) == ("rollback", "5 % errors")
    first = gated.ledger.get("r", BakeAnswered, phase="half")
    assert first is not None
    assert first.sentence == "Phase half needed a decision: the metrics turned bad before anybody answered"
