"""The operator that puts a release before a person, with what it changes, before it gets traffic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, cast

from airflow.providers.standard.operators.branch import BranchMixIn
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
from slipway.ledger.links import question_link
from slipway.operators.base import AskingOperator
from slipway.policy.checklist import CHECKED_FIRST
from slipway.release.asking import answer_of, ask, refusal
from slipway.release.configuration import table
from slipway.release.windows import closed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context

    from slipway.analysis.verdict import Decision
    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release
    from slipway.policy.checklist import Approval
    from slipway.release.asking import Answer

APPROVE = "Approve"
REJECT = "Reject"
_ANSWERS = (
    f"- **{APPROVE}** lets it change production: backup, migrations, configuration, then the canary.\n"
    f"- **{REJECT}** ends the release; production stays as it is."
)


class ApproveProductionOperator(AskingOperator, BranchMixIn):
    """Ask a person for production, where the policy wants one to be asked; the gate that follows weighs it.

    Nothing of production has changed yet. The form shows what will: revisions, configuration and migrations,
    with the checklist. Whoever asked for the release does not approve it, unless the policy lets them. No
    answer in time is a no, and so is a moment outside the release windows, before the question and after the
    answer, unless somebody else approves the request's override. After a no the tasks that change production
    are skipped; this one is where nobody was asked.
    """

    inherits_from_skipmixin = True

    def execute(self, context: Context) -> bool:
        """Return true when production may be changed, or ask.

        :param context: Airflow's context of the task.
        :raises AirflowSkipException: when it may, and nobody had to be asked.
        """
        release = self.release(context)
        answered = self.ledger.get(release.release_id, ApprovalDecided)
        if answered is not None:
            return self._follow(context, answered)
        unasked = _unasked(release, self.ledger.entries(release.release_id))
        if unasked is not None:
            return self._answer(context, *unasked)
        return self._ask(context, release)

    def on_answer(self, context: Context, event: dict[str, Any]) -> bool:
        """Record who answered what, and return true when production may be changed.

        :param context: Airflow's context of the task.
        :param event: as :func:`slipway.release.asking.answer_of` reads it.
        """
        release = self.release(context)
        answer = answer_of(event)
        if (person := answer.person) is None:
            return self._answer(context, False, str(answer))
        approval, approved = release.policy.approval, answer.option == APPROVE
        if approval is not None and (why := _refusal(release, approval, answer)) is not None:
            return self._ask(
                context, release, note=self.refuse_answer(context, release, "production", why, person)
            )
        return self._answer(context, approved, str(answer), person)

    def _answer(self, context: Context, approved: bool, reason: str, person: Person | None = None) -> bool:
        release = self.release(context)
        why = closed(release.policy, datetime.now(UTC))
        if approved and why is not None and not release.plan.outside_windows:
            approved, reason = False, f"{reason}; production is not begun now: {why}"
        decided = ApprovalDecided(approved=approved, reason=reason, user=person, outside_windows=why)
        self.record(release, decided)
        return self._follow(context, decided)

    def _follow(self, context: Context, decided: ApprovalDecided) -> bool:
        if not decided.approved:
            self.log.info("Production stays as it is: %s", decided.reason)
            self.do_branch(context, None)
            return False
        if decided.user is None:
            raise AirflowSkipException(decided.sentence)
        return True

    def _ask(self, context: Context, release: Release, *, note: str = "") -> NoReturn:
        approval = cast("Approval", release.policy.approval)
        subject, head = f"Release {release.version}: may it go to production?", _head(release, approval)
        body = _body(release, self.ledger.entries(release.release_id))
        waiting = ask(
            context,
            ApprovalDecided.key_of(),
            subject=subject,
            body=f"{note}{head}\n\n{_ANSWERS}\n\n{body}",
            options=(APPROVE, REJECT),
            safe=REJECT,
            seconds=approval.answer_timeout_seconds,
            respondents=release.policy.respondents(approval.answered_by),
        )
        self.notify_once(context, release, "approval", subject, f"{head}\nAnswer: {question_link(context)}")
        raise waiting


def _head(release: Release, approval: Approval) -> str:
    """Say who asks, who may answer, and what happens without an answer."""
    outside = release.plan.outside_windows
    another = f" {release.actor} cannot approve it." if approval.by_another_person or outside else ""
    return (
        f"Asked for by {release.actor}.{another} Nothing of production has changed yet. Without an answer"
        f" within {duration(approval.answer_timeout_seconds)} nothing will, and the release ends."
    )


def _checklist(release: Release, record: Record) -> Decision:
    names = [name for name in release.policy.items if name in CHECKED_FIRST]
    items = {name: record.get(ChecklistItemChecked, item=name) for name in names}
    return go_or_no_go(release.policy.checklist, items, names)


def _refusal(release: Release, approval: Approval, answer: Answer) -> str | None:
    """Say why an answer does not count; whoever requested the release may stop it, and not approve it."""
    another = approval.by_another_person or release.plan.outside_windows
    requester = release.actor if another and answer.option == APPROVE else None
    return refusal(answer, requester=requester, respondents=release.policy.respondents(approval.answered_by))


def _body(release: Release, record: Record) -> str:
    """Say in Markdown what the release is going to change in production."""
    planned = record.get(ChangesPlanned, environment="production")
    if planned is None:
        raise ReleaseConflict("what the release changes is not on record; run plan_changes first")
    held = [f"{name}: {why}" for name, why in planned.held.items()]
    return "\n\n".join(
        (
            *_exceptions(release, record.get(ReleaseOpened)),
            *(_revision(service, found) for service, found in planned.revisions.items()),
            "**Configuration**",
            table(planned.configuration),
            "**Schema**",
            f"migrations due: {', '.join(planned.migrations) or 'none'}",
            *(["held:\n\n" + "\n".join(f"- {line}" for line in held)] if held else []),
            "**Checklist**",
            "\n".join(f"- {finding.reason}" for finding in _checklist(release, record).findings),
        )
    )


def _unasked(release: Release, record: Record) -> tuple[bool, str] | None:
    """Return the answer and its reason where nobody has to be asked; None where somebody does."""
    approval, outside = release.policy.approval, release.plan.outside_windows
    opened = record.get(ReleaseOpened)
    foreign = {} if opened is None or release.plan.leave_out_newest else opened.foreign
    if not outside and closed(release.policy, datetime.now(UTC)) is not None:
        return True, "nobody was asked"
    if approval is None or not (approval.required or foreign or outside):
        return True, "the policy asks for nobody's approval"
    if _checklist(release, record).verdict != "promote":
        return False, "nobody was asked: the checklist is no go"
    return None


def _revision(service: str, changes: Sequence[TemplateChange]) -> str:
    lines = "\n".join(f"- {change}" for change in changes) or "- nothing but its name"
    return f"**New revision of {service}**\n\n{lines}"


def _exceptions(release: Release, opened: ReleaseOpened | None) -> Iterator[str]:
    """Say what is out of the ordinary.

    Which release windows it overrides and why, why the version was rolled back before, and what was deployed
    after the revisions that serve.
    """
    if opened is not None and release.plan.outside_windows:
        why = closed(release.policy, datetime.now(UTC)) or "a release window is open at this moment"
        yield f"**Overrides the release windows**: {why}\n\n{release.actor}: {opened.reason}"
    if opened is not None and opened.rolled_back_before is not None:
        yield f"**This version was rolled back before**: {opened.rolled_back_before}"
    if opened is not None and opened.left_out:
        lines = (f"- {service}: {found.described()}" for service, found in opened.left_out.items())
        yield "**Deployed after what serves, not in the new revisions**\n\n" + "\n".join(lines)
