"""The operator that puts a release before a person, with what it changes, before it gets traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowSkipException

from slipway.analysis.pre_deployment import go_or_no_go
from slipway.exceptions import ReleaseConflict
from slipway.ledger.audit import duration
from slipway.ledger.entries import (
    ApprovalDecided,
    ChangesPlanned,
    ChecklistItemChecked,
    Person,
    ReleaseOpened,
    TemplateChange,
)
from slipway.operators.base import ReleaseOperator
from slipway.policy.checklist import CHECKED_FIRST
from slipway.release.asking import answer_of, ask, withdraw
from slipway.release.configuration import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context

    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release
    from slipway.policy.checklist import Approval

APPROVE = "Approve"
REJECT = "Reject"


class ApproveProductionOperator(ReleaseOperator):
    """Ask a person for production, where the policy wants one to be asked; the gate that follows weighs it.

    Nothing of production has changed yet. The form shows what will: revisions, configuration and migrations,
    with the checklist. Whoever asked for the release does not approve it, unless the policy lets them. No
    answer in time is a no. After a no this task and those that change production are skipped.
    """

    def execute(self, context: Context) -> bool:
        """Return true when production may be changed, or ask.

        :param context: Airflow's context of the task.
        :raises AirflowSkipException: when it may not.
        """
        release = self.release(context)
        answered = self.ledger.get(release.release_id, ApprovalDecided)
        if answered is not None:
            return _true_or_skip(answered)
        approval = release.policy.approval
        opened = self.ledger.get(release.release_id, ReleaseOpened)
        foreign = {} if opened is None or release.plan.leave_out_newest else opened.foreign
        if approval is None or not (approval.required or foreign):
            return self._answer(release, True, "the policy asks for nobody's approval")
        record = self.ledger.entries(release.release_id)
        checklist = go_or_no_go(
            release.policy.checklist,
            {name: record.get(ChecklistItemChecked, item=name) for name in CHECKED_FIRST},
            CHECKED_FIRST,
        )
        if checklist.verdict != "promote":
            return self._answer(release, False, "nobody was asked: the checklist is no go")
        return self._ask(
            context, release, approval, _body(record, [finding.reason for finding in checklist.findings])
        )

    def on_answer(self, context: Context, event: dict[str, Any]) -> bool:
        """Record who answered what, and return true when production may be changed.

        :param context: Airflow's context of the task.
        :param event: as :func:`slipway.release.asking.answer_of` reads it.
        :raises AirflowSkipException: when it may not.
        """
        release = self.release(context)
        answer = answer_of(event)
        if answer.user is None:
            return self._answer(release, False, str(answer))
        approval, own = release.policy.approval, release.actor in (answer.user["id"], answer.user["name"])
        approved = answer.option == APPROVE
        if approved and own and approval is not None and approval.by_another_person:
            self.log.warning(
                "%s asked for this release: somebody else has to approve it", answer.user["name"]
            )
            # Airflow keeps the form, and takes the answer off it.
            withdraw(context)
            return self._ask(context, release, approval, "Somebody else has to approve it.")
        return self._answer(release, approved, str(answer), answer.person)

    def _answer(self, release: Release, approved: bool, reason: str, person: Person | None = None) -> bool:
        decided = ApprovalDecided(approved=approved, reason=reason, user=person)
        self.record(release, decided)
        return _true_or_skip(decided)

    def _ask(self, context: Context, release: Release, approval: Approval, body: str) -> NoReturn:
        subject, head = f"Release {release.version}: may it go to production?", _head(release, approval)
        waiting = ask(
            context,
            ApprovalDecided.key_of(),
            subject=subject,
            body=f"{head}\n\n{body}",
            options=(APPROVE, REJECT),
            safe=REJECT,
            seconds=approval.answer_timeout_seconds,
        )
        self.notify_once(context, release, "approval", subject, f"{head} Answer under Required Actions.")
        raise waiting


def _head(release: Release, approval: Approval) -> str:
    """Say who asks, who may answer, and what happens without an answer."""
    another = f" {release.actor} cannot approve it." if approval.by_another_person else ""
    return (
        f"Asked for by {release.actor}.{another} Nothing of production has changed yet. Without an answer"
        f" within {duration(approval.answer_timeout_seconds)} nothing will, and the release ends."
    )


def _body(record: Record, checklist: list[str]) -> str:
    """Say in Markdown what the release is going to change in production."""
    planned = record.get(ChangesPlanned, environment="production")
    if planned is None:
        raise ReleaseConflict("what the release changes is not on record; run plan_changes first")
    held = [f"{name}: {why}" for name, why in planned.held.items()]
    return "\n\n".join(
        (
            *_exceptions(record.get(ReleaseOpened)),
            *(_revision(service, found) for service, found in planned.revisions.items()),
            "**Configuration**",
            table(planned.configuration),
            "**Schema**",
            f"migrations due: {', '.join(planned.migrations) or 'none'}",
            *(["held:\n\n" + "\n".join(f"- {line}" for line in held)] if held else []),
            "**Checklist**",
            "\n".join(f"- {line}" for line in checklist),
        )
    )


def _true_or_skip(decided: ApprovalDecided) -> bool:
    """Return true when production may be changed.

    :raises AirflowSkipException: when it may not; what follows is skipped with the task.
    """
    if not decided.approved:
        raise AirflowSkipException(f"production stays as it is: {decided.reason}")
    return True


def _revision(service: str, changes: Sequence[TemplateChange]) -> str:
    lines = "\n".join(f"- {change}" for change in changes) or "- nothing but its name"
    return f"**New revision of {service}**\n\n{lines}"


def _exceptions(opened: ReleaseOpened | None) -> Iterator[str]:
    """Say why the version was rolled back before, and what was deployed after the revisions that serve."""
    if opened is not None and opened.rolled_back_before is not None:
        yield f"**This version was rolled back before**: {opened.rolled_back_before}"
    if opened is not None and opened.left_out:
        lines = (f"- {service}: {found.described()}" for service, found in opened.left_out.items())
        yield "**Deployed after what serves, not in the new revisions**\n\n" + "\n".join(lines)
