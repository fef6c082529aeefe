"""A run ends with a closed release, released services, and one red or green line."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from slipway.analysis.verdict import Verdict
from slipway.exceptions import NotificationFailed
from slipway.ledger.entries import (
    GateDecided,
    RollbackOrdered,
    TeamNotified,
    TrafficRestored,
    TrafficRestoredAgain,
)
from slipway.notifiers.team import TeamNotifier
from slipway.operators import closing
from slipway.operators.closing import CloseRolledBackOperator, VerdictOperator

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import context_of, opened, using

WORSE = GateDecided(phase="canary", verdict=Verdict.ROLLBACK, reason="5 % errors")


@pytest.fixture
def done(done: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to the services, and the drawing of the evidence."""
    monkeypatch.setattr(closing, "keep_drawings", lambda *_: done.append("evidence drawn"))
    return done


def test_a_rolled_back_release_is_closed_only_after_its_services_were_read_and_left(done: list[str]) -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    ledger.append(release.release_id, WORSE)
    close = using(CloseRolledBackOperator(task_id="close_release"), ledger)
    assert close.execute(context_of()) == close.execute(context_of()) == "canary: 5 % errors"
    closed = ledger.release(release.release_id)
    assert (closed.outcome, closed.reason) == ("rolled_back", "canary: 5 % errors")
    keys = [entry.key for entry in ledger.entries(release.release_id)]
    assert keys == ["opened", "gate/canary", "left/production", "closed", "notified/outcome"]
    assert done[:4] == ["traffic restored", "services released", "team notified", "evidence drawn"]


def test_the_team_hears_again_of_a_promoted_release_that_is_rolled_back(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    ledger.close(release, outcome="promoted", reason="every phase was promoted")
    for entry in (
        TeamNotified(event="outcome", subject="Release 1.2.0: promoted", connection="slipway_team"),
        RollbackOrdered(tier="traffic", actor="jo", reason="wrong prices", source="DAG rollback"),
        TrafficRestored(reason="ordered by jo: wrong prices", changes={}),
    ):
        ledger.append(release, entry)
    left: list[str | None] = []

    def leave(*_: Any, may_serve: bool) -> dict[str, Any]:
        left.append("promoted" if may_serve else None)
        return {}

    monkeypatch.setattr(closing, "leave_services", leave)
    close = using(CloseRolledBackOperator(task_id="close_release"), ledger)
    assert close.execute(context_of()) == close.execute(context_of()) == "ordered by jo: wrong prices"
    assert "promoted" not in left, "a promoted release would be let go of while it serves"
    assert ledger.release(release).outcome == "rolled_back"
    assert done.count("team notified") == 1
    notified = ledger.get(release, TeamNotified, event="promotion_rolled_back")
    assert notified is not None
    assert notified.subject == "Release 1.2.0: rolled back"


def test_the_verdict_is_green_for_a_promoted_release_alone() -> None:
    ledger = FakeLedger()
    verdict = using(VerdictOperator(task_id="verdict"), ledger)
    release = opened(ledger)
    with pytest.raises(AirflowFailException, match=r"release 1\.2\.0: open"):
        verdict.execute(context_of())
    ledger.append(release.release_id, WORSE)
    with pytest.raises(AirflowFailException, match="canary: 5 % errors"):
        verdict.execute(context_of())
    ledger.close(release.release_id, outcome="promoted", reason="every phase was promoted")
    assert verdict.execute(context_of()) == "release 1.2.0: promoted: every phase was promoted"


def refused(ledger: FakeLedger, **reasons: str) -> None:
    """Keep that these tasks refused the request of the run."""
    for task, reason in reasons.items():
        ledger.refused.keep(
            release_id="v1-2-0-aaaaaa",
            version="1.2.0",
            run_id="run",
            actor="ada",
            request={"version": "1.2.0", "policy": "release.yaml"},
            task=task,
            reason=reason,
        )


def test_the_last_line_of_a_refused_request_is_the_refusal_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, sent = FakeLedger(), list[str]()
    monkeypatch.setattr(
        TeamNotifier, "notify", lambda self, _: sent.append(f"{self.subject}: {self.message}")
    )
    refused(ledger, check_schema="1.1.0 cannot\nrun on 0007", check_metrics="memory: no answer")
    verdict = using(VerdictOperator(task_id="verdict"), ledger)
    for _ in range(2):
        with pytest.raises(
            AirflowFailException,
            match=r"^release 1\.2\.0: refused: 1\.1\.0 cannot run on 0007; memory: no answer$",
        ):
            verdict.execute(context_of())
    (message,) = sent
    assert message.startswith("Release 1.2.0: refused: Requested by ada. Nothing was changed.")
    kept = ledger.refused.of_run("run")
    assert kept is not None
    assert kept.notified == "via slipway_team"


def test_a_refusal_that_nobody_could_be_notified_of_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise NotificationFailed("connection slipway_team: nobody answers")

    ledger = FakeLedger()
    monkeypatch.setattr(TeamNotifier, "notify", fails)
    refused(ledger, check_schema="no")
    with pytest.raises(AirflowFailException, match="refused: no"):
        using(VerdictOperator(task_id="verdict"), ledger).execute(context_of())
    kept = ledger.refused.of_run("run")
    assert kept is not None
    assert kept.notified == "not notified: connection slipway_team: nobody answers"


def test_traffic_that_is_taken_back_twice_is_on_record_twice() -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    close = using(CloseRolledBackOperator(task_id="close_release"), ledger)
    for reason in ("served again", "and again"):
        close.record_again(release, reason, {})
    again = ledger.entries(release.release_id).of_kind(TrafficRestoredAgain)
    assert [(entry.round, entry.reason) for entry in again] == [(1, "served again"), (2, "and again")]
