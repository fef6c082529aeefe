"""The operator that gives production's traffic back, and asks a person where that may do more harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from slipway.exceptions import SchemaContractBroken, TrafficNotSettled
from slipway.ledger.entries import RollbackOverridden, RollbackRefused, SplitChange
from slipway.operators.base import release_or_skip
from slipway.operators.cloud_run import CloudRunOperator
from slipway.release.asking import answer_of, withdraw
from slipway.release.rollback.refused import (
    ALL_THE_SAME,
    ask_to_override,
    reason_to_leave_traffic,
    refused_message,
)
from slipway.release.rollback.traffic import restore_stable_traffic, restored_entry
from slipway.triggers.cloud_run import TrafficSettledTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class RollBackTrafficOperator(CloudRunOperator):
    """Give all production traffic back to the revisions that served when the release began.

    Skipped when this run opened no release, or a person cleared the run of a promoted one. Where the version
    that would serve again cannot run on the present schema, nothing moves, and a person is asked in Airflow's
    required actions. *Roll back all the same* needs a reason, which goes on record; otherwise the task fails
    and the release stays open: once the version can run on the schema, clear the task and it goes on.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the split per service before and after."""
        release = release_or_skip(self, context)
        if (left := reason_to_leave_traffic(release, self.ledger)) is not None:
            raise AirflowSkipException(left)
        try:
            return self._roll_back(release)
        except SchemaContractBroken as error:
            self._call_person(context, release, str(error))

    def on_answer(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Follow the answer, and record who overrode what, and why.

        :param context: Airflow's context of the task.
        :param event: as :func:`slipway.release.asking.answer_of` reads it.
        :raises AirflowFailException: when the traffic stays where it is.
        """
        release = self.release(context)
        answer = answer_of(event)
        reason = str(answer.fields.get("reason") or "").strip()
        person = answer.person
        if person is None or answer.option != ALL_THE_SAME or not reason:
            withdraw(context)
            why = " without a reason" if person and answer.option == ALL_THE_SAME else ""
            raise AirflowFailException(
                f"{answer}{why}: no traffic was moved; the ledger entry {RollbackRefused.KEY} says why"
            )
        self.record(release, RollbackOverridden(reason=f"{person.name}: {reason}", user=person))
        return self._roll_back(release)

    def execute_complete(
        self, context: Context, event: dict[str, Any], changes: dict[str, Any]
    ) -> dict[str, Any]:
        """Do it once more: traffic that is back is not moved again, only put on record.

        :param context: Airflow's context of the task.
        :param event: the trigger's event.
        :param changes: what the task changed before it waited, by service.
        :raises CloudRunTimeout: when a split still does not show.
        """
        self.log.info("Traffic of production: %s", event)
        return self._roll_back(self.release(context), earlier=changes)

    def _roll_back(
        self, release: Release, *, earlier: Mapping[str, Mapping[str, Any]] | None = None
    ) -> dict[str, Any]:
        seconds = release.policy.rollback_deadlines.traffic_seconds
        inline = self.inline_seconds(release, seconds)
        try:
            changes = restore_stable_traffic(
                release, self.cloud_run, self.ledger, self.ledger.operations, seconds=inline
            )
        except TrafficNotSettled as error:
            if earlier is not None:
                raise
            self.log.info("The triggerer goes on waiting: %s", error)
            self.defer_until(TrafficSettledTrigger, error.services, seconds=seconds, changes=error.changes)
        changes |= {
            name: SplitChange.model_validate(change)
            for name, change in (earlier or {}).items()
            if not changes[name].changed
        }
        self.record(release, restored_entry(release.release_id, self.ledger, changes))
        return {name: change.model_dump(exclude_none=True) for name, change in changes.items()}

    def _call_person(self, context: Context, release: Release, refused: str) -> NoReturn:
        seconds = release.policy.decision.decision_timeout_seconds
        waiting = ask_to_override(context, release, refused)
        self.record(release, RollbackRefused(reason=refused, seconds=seconds))
        self.notify_once(context, release, "rollback", *refused_message(context, release, refused))
        raise waiting
