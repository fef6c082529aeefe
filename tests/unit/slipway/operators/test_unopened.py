"""The last line of a run that opened no release names what kept it from it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from slipway.ledger.entries import RunActed, RunChangedByHand
from slipway.operators import unopened
from slipway.operators.unopened import unopened_line

from tests.unit.slipway.on_record import context_of, run_with

ACT = RunActed(at=datetime(2026, 3, 2, 10, tzinfo=UTC), user="jo", what="marked the run as failed")


@pytest.mark.parametrize(
    ("acts", "failed", "line"),
    [
        ((), "preflight.check_metrics", "preflight.check_metrics failed; its task log has the error"),
        ((ACT,), "preflight.check_metrics", "jo marked the run as failed at 2026-03-02 10:00:00 UTC"),
        ((), None, "the run ended before its preflight did"),
    ],
)
def test_it_says_who_or_what(
    acts: tuple[RunActed, ...], failed: str | None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unopened, "read_acts", lambda _: RunChangedByHand(acts=acts) if acts else None)
    found = unopened_line(context_of() | run_with(failed=failed), None)
    assert found == f"release 1.2.0: not opened: {line}"
