"""Traffic that does not go back by itself: of a promoted release, or to a version unfit for the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Param

from slipway.ledger.audit import duration
from slipway.ledger.entries import RollbackOrdered, RollbackRefused
from slipway.ledger.links import question_link
from slipway.release.asking import ask

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.exceptions import TaskAwaitingInput

    from slipway.ledger.ledger import Ledger, Release

ALL_THE_SAME = "Roll back all the same"
LEAVE = "Leave the traffic"
# Nullable, as Airflow's forms require it; that there is one is checked when it is needed.
REASON = Param(None, type=["null", "string"], maxLength=500, title="Reason", description="Kept on record")


def ask_to_override(context: Context, release: Release, refused: str) -> TaskAwaitingInput:
    """Ask a person whether to roll back all the same.

    :param context: Airflow's context of the task.
    :param release: the release to roll back.
    :param refused: why the rollback is refused.
    :return: what the task must raise.
    """
    seconds = release.policy.decision.decision_timeout_seconds
    return ask(
        context,
        RollbackRefused.KEY,
        subject=f"Release {release.version}: the rollback is refused",
        body=f"{refused}.\n\nNo traffic was moved. **{ALL_THE_SAME}** gives it to the version that "
        f"cannot run on the schema, and needs a reason. With **{LEAVE}**, or without an answer within "
        f"{duration(seconds)}, the traffic stays and the release stays open.",
        options=(ALL_THE_SAME, LEAVE),
        safe=LEAVE,
        seconds=seconds,
        respondents=release.policy.respondents(),
        fields={"reason": REASON},
    )


def refused_message(context: Context, release: Release, refused: str) -> tuple[str, str]:
    """Return what the team reads while the question stands: the subject, and the message.

    :param context: of the task that asks.
    :param release: the release.
    :param refused: why the rollback is refused.
    """
    subject = f"Release {release.version}: the rollback needs a decision"
    return subject, f"{refused}.\nNo traffic was moved. Answer: {question_link(context)}"


def reason_to_leave_traffic(release: Release, ledger: Ledger) -> str | None:
    """Return why a rollback leaves the traffic of a release as it is, None when it gives it back.

    :param release: the release.
    :param ledger: the record of the releases.
    """
    if release.outcome != "promoted" or any(ledger.entries(release.release_id).of_kind(RollbackOrdered)):
        return None
    return (
        f"release {release.release_id} is promoted, and nobody ordered its rollback: somebody cleared its"
        " run. Start the DAG rollback to take it back"
    )
