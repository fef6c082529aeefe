"""Conditions of services and revisions, as Cloud Run reports readiness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.cloud import run_v2

State = run_v2.Condition.State
Reason = run_v2.Condition.CommonReason

INTERNAL = 13
FAILED_PRECONDITION = 9
ABORTED = 10


@dataclass(frozen=True)
class Failure:
    """Why a revision or a route did not become ready.

    :param code: canonical code (``google.rpc.Code``) that the operation ends with.
    :param message: what the user reads.
    :param reason: Cloud Run's machine-readable reason.
    """

    code: int
    message: str
    reason: Any = Reason.REVISION_FAILED


def condition(kind: str, failure: Failure | None, now: datetime, pending: bool = False) -> Any:
    """Make a condition.

    :param kind: ``Ready``, ``RoutesReady``, ...
    :param failure: None when all is well.
    :param now: the moment, in UTC.
    :param pending: whether the outcome is still open.
    """
    if pending:
        return run_v2.Condition(type_=kind, state=State.CONDITION_RECONCILING, last_transition_time=now)
    if failure is None:
        return run_v2.Condition(type_=kind, state=State.CONDITION_SUCCEEDED, last_transition_time=now)
    return run_v2.Condition(
        type_=kind,
        state=State.CONDITION_FAILED,
        message=failure.message,
        last_transition_time=now,
        severity=run_v2.Condition.Severity.ERROR,
        reason=failure.reason,
    )


def failed(conditions: Any, kind: str) -> Any | None:
    """Find the condition of this kind if it says that something failed."""
    found = (c for c in conditions if c.type_ == kind and c.state == State.CONDITION_FAILED)
    return next(found, None)
