"""The question to a person whether migrations are undone, with the data that is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slipway.ledger.audit import duration
from slipway.ledger.entries import DatabaseRollbackConfirmed
from slipway.release.asking import ask
from slipway.release.rollback.refused import REASON

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.exceptions import TaskAwaitingInput

    from slipway.ledger.entries import DataKept
    from slipway.ledger.ledger import Release
    from slipway.release.rollback.database import BackwardStep

UNDO = "Undo the migrations"
LEAVE_SCHEMA = "Leave the schema"


def ask_to_undo(
    context: Context,
    release: Release,
    steps: Sequence[BackwardStep],
    lost: Mapping[str, int],
    kept: DataKept,
) -> TaskAwaitingInput:
    """Ask a person whether the release's migrations are undone.

    :param context: Airflow's context of the task.
    :param release: the release, whose traffic is back.
    :param steps: the backward files, the newest migration first.
    :param lost: rows by table and column that they drop.
    :param kept: the backup that holds them.
    :return: what the task must raise.
    """
    seconds = release.policy.decision.decision_timeout_seconds
    return ask(
        context,
        DatabaseRollbackConfirmed.key_of(),
        subject=undo_subject(release),
        body=_body(steps, lost, kept, seconds),
        options=(UNDO, LEAVE_SCHEMA),
        safe=LEAVE_SCHEMA,
        seconds=seconds,
        respondents=release.policy.respondents(),
        fields={"reason": REASON},
    )


def undo_subject(release: Release) -> str:
    """Return the question in one line.

    :param release: the release.
    """
    return f"Release {release.version}: undo its migrations of the production database?"


def _body(steps: Sequence[BackwardStep], lost: Mapping[str, int], kept: DataKept, seconds: float) -> str:
    files = "\n\n".join(f"**{step.name}**\n\n```sql\n{step.sql.strip()}\n```" for step in steps)
    counted = "\n".join(f"- {what}: {rows} rows" for what, rows in lost.items()) or "- none"
    return (
        f"The traffic is back already. These backward files run, in this order:\n\n{files}\n\n"
        f"**Data that is lost**, as counted now; what is written until the end is lost too\n\n{counted}\n\n"
        f"Backup {kept.backup} of {kept.instance}, made for this order, holds everything written until then."
        f"\n\nWith **{LEAVE_SCHEMA}**, or without an answer within {duration(seconds)}, the schema stays: the"
        " earlier version runs on it."
    )
