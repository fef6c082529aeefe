"""The operator that puts a release before a person, with what it changes, before it gets traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from slipway.analysis.pre_deployment import go_or_no_go
from slipway.ledger.entries import (
    ApprovalDecided,
    ChecklistItemChecked,
    ConfigurationWritten,
    Person,
    ReleaseOpened,
    SchemaMigrated,
)
from slipway.operators.base import ReleaseOperator
from slipway.policy.checklist import ITEMS
from slipway.release.asking import answer_of, ask, withdraw
from slipway.release.configuration import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk import Context

    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release
    from slipway.policy.checklist import Approval

APPROVE = "Approve"
REJECT = "Reject"


class ApproveProductionOperator(ReleaseOperator):
    """Ask a person for production, where the policy wants one to be asked; the gate that follows weighs it.

    The form shows what changes in production's configuration, what was migrated, and the checklist. Whoever
    asked for the release does not approve it, unless the policy lets them. No answer in time is a no.
    """

    def execute(self, context: Context) -> bool:
        """Return whether production may begin, or ask."""
        release = self.release(context)
        answered = self.ledger.get(release.release_id, ApprovalDecided)
        if answered is not None:
            return answered.approved
        approval = release.policy.approval
        opened = self.ledger.get(release.release_id, ReleaseOpened)
        foreign = {} if opened is None or release.plan.leave_out_newest else opened.foreign
        if approval is None or not (approval.required or foreign):
            return self._answer(release, True, "the policy asks for nobody's approval")
        record = self.ledger.entries(release.release_id)
        checklist = go_or_no_go(
            release.policy.checklist, {name: record.get(ChecklistItemChecked, item=name) for name in ITEMS}
        )
        if checklist.verdict != "promote":
            return self._answer(release, False, "nobody was asked: the checklist is no go")
        return self._ask(
            context, release, approval, _body(record, [finding.reason for finding in checklist.findings])
        )

    def on_answer(self, context: Context, event: dict[str, Any]) -> bool:
        """Record who answered what, and return whether production may begin.

        :param context: Airflow's context of the task.
        :param event: as :func:`slipway.release.asking.answer_of` reads it.
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
        return self._answer(release, approved, str(answer), answer.user)

    def _answer(
        self, release: Release, approved: bool, reason: str, user: Mapping[str, Any] | None = None
    ) -> bool:
        person = None if user is None else Person(id=user["id"], name=user["name"])
        self.record(release, ApprovalDecided(approved=approved, reason=reason, user=person))
        return approved

    def _ask(self, context: Context, release: Release, approval: Approval, body: str) -> NoReturn:
        seconds = approval.answer_timeout_seconds
        raise ask(
            context,
            ApprovalDecided.key_of(),
            subject=f"Release {release.version}: may it go to production?",
            body=f"Asked for by {release.actor}. Without an answer within {seconds / 60:g} minutes it is "
            f"rolled back.\n\n{body}",
            options=(APPROVE, REJECT),
            safe=REJECT,
            seconds=seconds,
        )


def _body(record: Record, checklist: list[str]) -> str:
    """Say in Markdown what the release changes in production before it gets traffic."""
    configured = record.get(ConfigurationWritten, environment="production")
    migrated = record.get(SchemaMigrated, environment="production")
    held = [] if migrated is None else [f"{name}: {why}" for name, why in migrated.held.items()]
    applied = () if migrated is None else migrated.applied
    return "\n\n".join(
        (
            *_exceptions(record.get(ReleaseOpened)),
            "**Configuration**",
            table(() if configured is None else configured.changes),
            "**Schema**",
            f"applied: {', '.join(applied) or 'nothing'}",
            *(["held:\n\n" + "\n".join(f"- {line}" for line in held)] if held else []),
            "**Checklist**",
            "\n".join(f"- {line}" for line in checklist),
        )
    )


def _exceptions(opened: ReleaseOpened | None) -> Iterator[str]:
    """Say why the version was rolled back before, and what was deployed after the revisions that serve."""
    if opened is not None and opened.rolled_back_before is not None:
        yield f"**This version was rolled back before**: {opened.rolled_back_before}"
    if opened is not None and opened.left_out:
        lines = (f"- {service}: {found.described()}" for service, found in opened.left_out.items())
        yield "**Deployed after what serves, not in the new revisions**\n\n" + "\n".join(lines)
