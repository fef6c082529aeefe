"""The operator that gives production's traffic back, and asks a person where that may do more harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

from slipway.exceptions import SchemaContractBroken
from slipway.ledger.entries import Person, RollbackOverridden, RollbackRefused
from slipway.operators.base import ReleaseOperator
from slipway.release.asking import answer_of, ask, withdraw
from slipway.release.rollback.traffic import restore_stable_traffic, restored_entry

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release

ALL_THE_SAME = "Roll back all the same"
LEAVE = "Leave the traffic"
# Nullable, as Airflow's forms want it; that there is one is checked when it is needed.
REASON = Param(None, type=["null", "string"], maxLength=500, title="Reason", description="Kept on record")


class RollBackTrafficOperator(ReleaseOperator):
    """Give all production traffic back to the revisions that served when the release began.

    Skipped when this run opened no release: there is nothing to roll back.

    Where the version that would serve again cannot run on the present schema, nothing moves, and a person is
    asked in Airflow's required actions. *Roll back all the same* needs a reason, which goes on record; with
    *Leave the traffic*, or no answer in time, the task fails and the release stays open: once
    the schema is one that the version can run on, clear the task and it goes on.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the split per service before and after."""
        release = self.release_or_skip(context)
        try:
            return self._roll_back(release)
        except SchemaContractBroken as error:
            self._call_person(context, release, str(error))

    def on_answer(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Follow the answer, and record who overrode what, and why.

        :param event: as :func:`slipway.release.asking.answer_of` reads it.
        :raises AirflowFailException: when the traffic stays where it is.
        """
        release = self.release(context)
        answer = answer_of(event)
        reason = str(answer.fields.get("reason") or "").strip()
        if answer.user is None or answer.option != ALL_THE_SAME or not reason:
            withdraw(context)
            why = " without a reason" if answer.user and answer.option == ALL_THE_SAME else ""
            raise AirflowFailException(
                f"{answer}{why}: no traffic was moved; the ledger entry {RollbackRefused.KEY} says why"
            )
        person = Person(id=answer.user["id"], name=answer.user["name"])
        self.record(release, RollbackOverridden(reason=f"{person.name}: {reason}", user=person))
        return self._roll_back(release)

    def _roll_back(self, release: Release) -> dict[str, Any]:
        changes = restore_stable_traffic(release, self.cloud_run, self.ledger, self.ledger.operations)
        self.record(release, restored_entry(release.release_id, self.ledger, changes))
        return {name: change.model_dump(exclude_none=True) for name, change in changes.items()}

    def _call_person(self, context: Context, release: Release, refused: str) -> NoReturn:
        seconds = release.policy.decision.decision_timeout_seconds
        waiting = ask(
            context,
            RollbackRefused.KEY,
            subject=f"Release {release.version}: the rollback is refused",
            body=f"{refused}.\n\nNo traffic was moved. **{ALL_THE_SAME}** gives it to the version that "
            f"cannot run on the schema, and needs a reason. With **{LEAVE}**, or without an answer within "
            f"{seconds / 60:g} minutes, the traffic stays and the release stays open.",
            options=(ALL_THE_SAME, LEAVE),
            safe=LEAVE,
            seconds=seconds,
            fields={"reason": REASON},
        )
        self.record(release, RollbackRefused(reason=refused, seconds=seconds))
        raise waiting
