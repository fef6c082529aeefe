"""The questions to a person: are migrations undone, or services switched, with the data that is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slipway.ledger.audit import duration
from slipway.ledger.entries import DatabaseRollbackConfirmed, DatabaseSwitchConfirmed
from slipway.release.asking import ask
from slipway.release.rollback.refused import REASON

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.exceptions import TaskAwaitingInput

    from slipway.ledger.entries import BackupRestored, DataKept
    from slipway.ledger.ledger import Release
    from slipway.release.rollback.database import BackwardStep
    from slipway.release.rollback.switching import Switch

UNDO = "Undo the migrations"
LEAVE_SCHEMA = "Leave the schema"
SWITCH = "Switch the services"
LEAVE_SERVICES = "Leave the services"


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


def ask_to_switch(
    context: Context,
    release: Release,
    switches: Sequence[Switch],
    restored: BackupRestored,
    lost: Mapping[str, int],
    kept: DataKept,
) -> TaskAwaitingInput:
    """Ask a person whether the services are switched to the restored instance.

    :param context: Airflow's context of the task.
    :param release: the release, whose traffic is back.
    :param switches: what of each service changes.
    :param restored: the restored instance.
    :param lost: rows by table that it lacks.
    :param kept: the backup that holds them.
    :return: what the task must raise.
    """
    seconds = release.policy.decision.decision_timeout_seconds
    services = "\n".join(f"- {one.described}" for one in switches)
    body = (
        f"The traffic is back already. {restored.instance} has backup {restored.backup} of {restored.source}."
        f" **Compare it first.** Then these services are switched to it:\n\n{services}\n\n"
        "**Data that it lacks**, as counted now; what is written until the end is lost too\n\n"
        f"{_rows(lost)}\n\n"
        f"Backup {kept.backup} of {kept.instance}, made for this order, holds everything written until then."
        f"\n\nWith **{LEAVE_SERVICES}**, or without an answer within {duration(seconds)}, they go on with"
        f" {restored.source}."
    )
    return ask(
        context,
        DatabaseSwitchConfirmed.key_of(),
        subject=switch_subject(release),
        body=body,
        options=(SWITCH, LEAVE_SERVICES),
        safe=LEAVE_SERVICES,
        seconds=seconds,
        respondents=release.policy.respondents(),
        fields={"reason": REASON},
    )


def switch_subject(release: Release) -> str:
    """Return the question in one line.

    :param release: the release.
    """
    return f"Release {release.version}: switch the services to the restored database?"


def undo_subject(release: Release) -> str:
    """Return the question in one line.

    :param release: the release.
    """
    return f"Release {release.version}: undo its migrations of the production database?"


def _body(steps: Sequence[BackwardStep], lost: Mapping[str, int], kept: DataKept, seconds: float) -> str:
    files = "\n\n".join(f"**{step.name}**\n\n```sql\n{step.sql.strip()}\n```" for step in steps)
    return (
        f"The traffic is back already. These backward files run, in this order:\n\n{files}\n\n"
        "**Data that is lost**, as counted now; what is written until the end is lost too\n\n"
        f"{_rows(lost)}\n\n"
        f"Backup {kept.backup} of {kept.instance}, made for this order, holds everything written until then."
        f"\n\nWith **{LEAVE_SCHEMA}**, or without an answer within {duration(seconds)}, the schema stays: the"
        " earlier version runs on it."
    )


def _rows(lost: Mapping[str, int]) -> str:
    return "\n".join(f"- {what}: {rows} rows" for what, rows in lost.items()) or "- none"
