"""The operator of the tier restore that switches the services to the restored database."""

from __future__ import annotations

from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from slipway.exceptions import RequestRefused, SchemaContractBroken
from slipway.ledger.entries import (
    BackupRestored,
    DatabaseBackedUp,
    DatabaseSwitchConfirmed,
    DatabaseSwitched,
)
from slipway.ledger.links import question_link
from slipway.operators.base import ReleaseOperator
from slipway.operators.rollback_database import kept_data
from slipway.release.asking import answer_of, withdraw
from slipway.release.rollback.confirming import SWITCH, ask_to_switch, switch_subject
from slipway.release.rollback.database import require_safe_now, written_since
from slipway.release.rollback.switching import checked_switch, switch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from slipway.hooks.secret_manager import SecretVersionHook
    from slipway.ledger.ledger import Release
    from slipway.release.rollback.switching import CheckedSwitch


class SwitchDatabaseOperator(ReleaseOperator):
    """Switch the services to the restored instance, once a person has confirmed what it lacks.

    A revision of each service is made like the one that serves, but for its database, and gets all the
    traffic when every one is ready. Skipped for other tiers. Done again it does nothing.

    :raises AirflowFailException: when nobody confirms it, or a service is not as it was; nothing is switched.
    :raises CloudRunError: when Cloud Run refuses; another try goes on.
    """

    @cached_property
    def secrets(self) -> SecretVersionHook:
        """The door to Secret Manager."""
        from slipway.hooks.secret_manager import SecretVersionHook

        return SecretVersionHook(gcp_conn_id=self.gcp_conn_id)

    def execute(self, context: Context) -> list[str]:
        """Return the services that are switched, or ask."""
        if context["params"]["tier"] != "restore":
            raise AirflowSkipException("only the tier restore switches the services")
        release = self.release(context)
        if self.ledger.get(release.release_id, DatabaseSwitched) is not None:
            raise AirflowSkipException("the services use the restored instance already")
        kept, restored = kept_data(self, context, release), restored_backup(self, release)
        # A confirmation holds for its order: by another one more may be lost.
        if any(confirmed.backup == kept.backup for confirmed in self._confirmations(release)):
            return self._switch(context, release)
        checked, lost = safe_switch(self, release), rows_lost(self, release)
        waiting = ask_to_switch(context, release, checked.switches, restored, lost, kept)
        message = f"Data that it lacks: {lost or 'none'}.\nAnswer: {question_link(context)}"
        self.notify_once(context, release, "database_switch", switch_subject(release), message)
        raise waiting

    def on_answer(self, context: Context, event: dict[str, Any]) -> list[str]:
        """Follow the answer, and record who confirmed which loss.

        :param context: Airflow's context of the task.
        :param event: as :func:`slipway.release.asking.answer_of` reads it.
        :raises AirflowFailException: when the services stay as they are.
        """
        release, answer = self.release(context), answer_of(event)
        if answer.person is None or answer.option != SWITCH:
            withdraw(context)
            raise AirflowFailException(f"{answer}: the services stay as they are; the traffic is back")
        safe_switch(self, release)
        confirmed = DatabaseSwitchConfirmed(
            instance=restored_backup(self, release).instance,
            lost=rows_lost(self, release),
            backup=kept_data(self, context, release).backup,
            user=answer.person,
            reason=str(answer.fields.get("reason") or "").strip(),
            round=len(self._confirmations(release)) + 1,
        )
        self.record(release, confirmed)
        return self._switch(context, release)

    def _confirmations(self, release: Release) -> list[DatabaseSwitchConfirmed]:
        return list(self.ledger.entries(release.release_id).of_kind(DatabaseSwitchConfirmed))

    def _switch(self, context: Context, release: Release) -> list[str]:
        try:
            switched = switch(release, safe_switch(self, release), self.cloud_run, self.secrets)
        except (RequestRefused, SchemaContractBroken) as refused:
            raise AirflowFailException(f"The services stay as they are: {refused}") from None
        self.record(release, switched)
        subject = f"Release {release.version}: the services use the restored database"
        self.notify_once(context, release, "database_switched", subject, switched.sentence)
        return sorted(switched.changes)


def safe_switch(operator: SwitchDatabaseOperator, release: Release) -> CheckedSwitch:
    """Read what is to be switched.

    :param operator: has the doors.
    :param release: the release, whose traffic is back.
    :raises AirflowFailException: when that is not safe; nothing is switched.
    """
    from slipway.hooks.cloud_sql import CloudSqlBackupHook

    restored = restored_backup(operator, release)
    try:
        require_safe_now(release, operator.cloud_run, operator.ledger)
        with closing(CloudSqlBackupHook(gcp_conn_id=operator.gcp_conn_id)) as cloud_sql:
            return checked_switch(release, restored, cloud_sql, operator.cloud_run, operator.secrets)
    except (RequestRefused, SchemaContractBroken) as refused:
        raise AirflowFailException(f"The services stay as they are: {refused}") from None


def restored_backup(operator: ReleaseOperator, release: Release) -> BackupRestored:
    """Return what the task before has restored.

    :param operator: has the ledger.
    :param release: the release.
    :raises AirflowFailException: when it has restored nothing.
    """
    restored = operator.ledger.get(release.release_id, BackupRestored)
    if restored is None:
        raise AirflowFailException("no backup is restored; clear the task restore_backup")
    return restored


def rows_lost(operator: ReleaseOperator, release: Release) -> Mapping[str, int]:
    """Count the rows by table that the restored instance lacks.

    :param operator: has the ledger.
    :param release: the release.
    """
    taken = operator.ledger.get(release.release_id, DatabaseBackedUp, environment="production")
    return {} if taken is None else written_since(release, taken)
