"""Every way a release can end has a last line that says how and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from slipway.ledger.entries import (
    DeploymentChecked,
    DeploymentLine,
    DriftFound,
    FlagsRolledBack,
    GateDecided,
    LedgerEntry,
    PromotionRolledBack,
    ReleaseLost,
    RevisionWarmedUp,
    RollbackOrdered,
    RunActed,
    RunChangedByHand,
    TaskFailed,
    TrafficRestored,
)
from slipway.ledger.ledger import Outcome
from slipway.ledger.timeline import rollback_reason, summary_line

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
LINES = (
    DeploymentLine(
        part="post", title="Error rate below 0.5 %", passed=False, reason="0.7 % in the last hour"
    ),
    DeploymentLine(part="post", title="Alerts configured", passed=True, reason="4 alerts"),
)


def gate(phase: Any, reason: str, verdict: str = "hold") -> GateDecided:
    return GateDecided.model_validate({"phase": phase, "verdict": verdict, "reason": reason})


def ordered() -> RollbackOrdered:
    return RollbackOrdered(tier="traffic", actor="jo", reason="wrong prices", source="DAG rollback")


ENDINGS: dict[str, tuple[Outcome | None, list[LedgerEntry], str]] = {
    "promoted": ("promoted", [], "promoted: every phase was promoted"),
    "promoted, a target missed": (
        "promoted",
        [DeploymentChecked(lines=LINES)],
        "promoted: every phase was promoted; missed: Error rate below 0.5 %: 0.7 % in the last hour",
    ),
    "rolled back on evidence": (
        "rolled_back",
        [gate("canary", "error_rate: 5 % of requests", "rollback")],
        "rolled back: canary: error_rate: 5 % of requests",
    ),
    "no traffic": (
        "rolled_back",
        [gate("canary", "error_rate: no requests of the new revision in 10 min")],
        "rolled back: canary: error_rate: no requests of the new revision in 10 min",
    ),
    "metrics source down": (
        "rolled_back",
        [gate("half", "the metrics source has given no answer for 5 min")],
        "rolled back: half: the metrics source has given no answer for 5 min",
    ),
    "not approved": (
        "rolled_back",
        [gate("preparation", "approval: jo answered 'Reject'")],
        "rolled back: preparation: approval: jo answered 'Reject'",
    ),
    "pinned by hand": (
        "rolled_back",
        [
            DriftFound(phase="bake", service="web", reason="service web: serves 1.1.0 100 %, set by jo"),
            TaskFailed(failed="phase_3_canary.bake", reason="service web: serves 1.1.0 100 %"),
        ],
        "rolled back: bake: service web: serves 1.1.0 100 %, set by jo",
    ),
    "not warm": (
        "rolled_back",
        [
            RevisionWarmedUp.model_validate(
                {
                    "phase": "canary",
                    "component": "web",
                    "service": "web",
                    "verdict": "rollback",
                    "reason": "2 of 4 tests failed",
                }
            )
        ],
        "rolled back: canary: 2 of 4 tests failed",
    ),
    "a task failed": (
        "rolled_back",
        [TaskFailed(failed="phase_3_canary.deploy_revisions", reason="revision web-new: not ready in 300 s")],
        "rolled back: phase_3_canary.deploy_revisions failed: revision web-new: not ready in 300 s",
    ),
    "run ended by hand": (
        "rolled_back",
        [RunChangedByHand(acts=(RunActed(at=AT, user="jo", what="marked the run as failed"),))],
        "rolled back: jo marked the run as failed at 2026-03-02 10:00:00 UTC",
    ),
    "ordered": ("rolled_back", [ordered()], "rolled back: ordered by jo: wrong prices"),
    "lost": (
        "rolled_back",
        [ReleaseLost(reason="its run is gone", action="roll_back")],
        "rolled back: watchdog: its run is gone",
    ),
    "flags switched off": (
        "rolled_back",
        [
            gate("canary", "5 % errors", "rollback"),
            FlagsRolledBack.model_validate(
                {"environment": "production", "versions": {}, "switched_off": ("new_cart",)}
            ),
        ],
        "rolled back: canary: 5 % errors; flags",
    ),
    "promotion rolled back": (
        "rolled_back",
        [
            ordered(),
            TrafficRestored(reason="wrong prices", changes={}),
            PromotionRolledBack(reason="wrong prices"),
        ],
        "rolled back: ordered by jo: wrong prices",
    ),
    "stopped": (
        "rolled_back",
        [],
        "rolled back: a task failed or was stopped; the last thing on record is opened",
    ),
    "not ended": (None, [gate("canary", "5 % errors", "rollback")], "open: canary: 5 % errors"),
}


@pytest.mark.parametrize(("outcome", "entries", "line"), ENDINGS.values(), ids=ENDINGS)
def test_the_last_line_says_how_and_why(
    outcome: Outcome | None, entries: list[LedgerEntry], line: str
) -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    for entry in entries:
        ledger.append(release.release_id, entry)
    record = ledger.entries(release.release_id)
    reason = "every phase was promoted" if outcome == "promoted" else None
    ended = replace(release, outcome=outcome, reason=reason)
    assert summary_line(ended, record).startswith(f"release 1.2.0: {line}")
    if outcome == "rolled_back":
        # The reason that is kept when the release closes is the one of the line.
        assert summary_line(replace(ended, reason=rollback_reason(record)), record) == summary_line(
            ended, record
        )


def test_no_outcome_is_left_out() -> None:
    assert {outcome for outcome, _, _ in ENDINGS.values()} >= set(get_args(Outcome))
