"""A task that fails for good leaves its error on record."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from slipway.exceptions import RevisionNotReady
from slipway.ledger.entries import TaskFailed
from slipway.operators.closing import VerdictOperator
from slipway.operators.failures import record_failure

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import context_of, opened, using


def fail(ledger: FakeLedger, error: BaseException) -> None:
    task: Any = using(VerdictOperator(task_id="warm_up"), ledger)
    record_failure(context_of() | {"task": task, "exception": error})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RevisionNotReady("revision web-new:\n not ready"), "revision web-new: not ready"),
        (AirflowFailException("too little traffic"), "too little traffic"),
        (OSError("postgresql://user:password@host"), "OSError; its log has the error"),
    ],
)
def test_an_error_that_is_raised_on_purpose_is_on_record_in_its_words(
    error: BaseException, reason: str
) -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    fail(ledger, error)
    fail(ledger, OSError("the second time"))
    found = ledger.get(release.release_id, TaskFailed, failed="warm_up")
    assert found is not None
    assert (found.reason, found.task) == (reason, "warm_up")


def test_a_release_that_was_not_opened_or_has_ended_has_none() -> None:
    ledger = FakeLedger()
    fail(ledger, OSError("no release"))
    release = opened(ledger)
    ledger.close(release.release_id, outcome="promoted", reason="every phase was promoted")
    fail(ledger, OSError("after the end"))
    assert ledger.get(release.release_id, TaskFailed, failed="warm_up") is None
