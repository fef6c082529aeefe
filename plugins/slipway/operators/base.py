"""The bases of a release's operators.

Operators import hooks when they run, not when a DAG file is parsed: client libraries take seconds to load.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from slipway.exceptions import ReleaseUnknown, SlipwayError
from slipway.ledger.audit import audit_entry
from slipway.ledger.entries import AnswerRefused, LedgerEntry
from slipway.ledger.entries.phases import Person
from slipway.ledger.ledger import LEDGER_CONNECTION, Ledger, Release
from slipway.ledger.plan import release_id
from slipway.operators.links import LINKS
from slipway.policy.release import EnvironmentName
from slipway.release.request import ValidatedRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, Lease


class LedgerOperator(BaseOperator):
    """Base of the operators that read the record of releases, and add to it.

    :param ledger_conn_id: connection to the ledger's database.
    """

    def __init__(self, *, ledger_conn_id: str = LEDGER_CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    @cached_property
    def ledger(self) -> Ledger:
        """The record of releases."""
        return Ledger(self.ledger_conn_id)

    def record(self, release: Release, entry: LedgerEntry) -> None:
        """Write what was done to the ledger and, as one audit line, to the task log.

        :param release: the release.
        :param entry: what happened; done again it is not written again. Never holds a secret.
        """
        written = self.ledger.append(release.release_id, entry.model_copy(update={"task": self.task_id}))
        audit_entry(self.log, release.release_id, entry, repeated=not written)


class ReleaseOperator(LedgerOperator):
    """Base of the operators that work on the release of their own run.

    :param gcp_conn_id: connection to Google Cloud.
    """

    operator_extra_links = LINKS

    def __init__(self, *, gcp_conn_id: str = "google_cloud_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gcp_conn_id = gcp_conn_id

    @cached_property
    def cloud_run(self) -> CloudRunTrafficHook:
        """The door to Cloud Run."""
        from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

        return CloudRunTrafficHook(gcp_conn_id=self.gcp_conn_id)

    def release_id(self, context: Context) -> str:
        """Name the release of this run, or the one that a person named in the form of another DAG."""
        named, run = context["params"].get("release"), context["dag_run"].run_id
        return str(named).strip() if named else release_id(context["params"]["version"], run)

    def release(self, context: Context) -> Release:
        """Read the release of this run.

        :param context: Airflow's context of the task.
        :raises ReleaseUnknown: when this run opened none.
        :raises AirflowSkipException: when there is nothing for this task to do in it.
        """
        release = self.ledger.release(self.release_id(context))
        if (why := self.absent(release)) is not None:
            raise AirflowSkipException(why)
        return release

    def absent(self, release: Release) -> str | None:
        """Say what the release does not have for this task to work on; None when it has that.

        :param release: the release of this run.
        """
        return None

    def lease(self, release: Release) -> Lease:
        """Return the release's right to change its services, for the policy's time from now."""
        from slipway.hooks.cloud_run.hook import Lease

        until = datetime.now(UTC) + timedelta(seconds=release.policy.lease_seconds)
        head = self.ledger.head(release.release_id)
        return Lease(release.release_id, release.run_id, until, "" if head is None else head.label)

    def notify_once(self, context: Context, release: Release, event: str, subject: str, message: str) -> None:
        """Notify the team of an event, unless it has been: see :func:`slipway.notifiers.team.notify_once`."""
        from slipway.notifiers.team import notify_once

        done = notify_once(self.ledger, context, release, event, subject, message)
        if done is not None:
            self.record(release, done)


class AskingOperator(ReleaseOperator):
    """Base of the operators that ask a person, of whose answers not every one counts."""

    def refuse_answer(self, context: Context, release: Release, question: str, why: str, user: Person) -> str:
        """Record an answer that does not count, and open the question again.

        :param context: Airflow's context of the task.
        :param release: the release of this run.
        :param question: what was asked, as :class:`AnswerRefused` names it.
        :param why: who answered what, and why it does not count.
        :param user: who answered.
        :return: what comes first in the form that is put again.
        """
        from slipway.release.asking import put_again

        before = self.ledger.entries(release.release_id).of_kind(AnswerRefused)
        number = 1 + sum(one.question == question for one in before)
        self.record(release, AnswerRefused(question=question, round=number, reason=why, user=user))
        put_again(context)
        return f"**{why}.**\n\n"


class RefusingOperator(ReleaseOperator):
    """Base of the operators that may refuse a request, before the release is open.

    A refusal is kept in the ledger as soon as it is raised, so that the list of the releases has it.
    """

    def execute(self, context: Context) -> Any:
        """Check the request.

        :param context: Airflow's context of the task.
        :return: what :meth:`check` returns.
        :raises SlipwayError: why the request is refused.
        """
        try:
            return self.check(context)
        except SlipwayError as refusal:
            self._keep(context, str(refusal))
            raise

    def check(self, context: Context) -> Any:
        """Check one thing; what it raises on purpose refuses the request.

        :param context: Airflow's context of the task.
        """
        raise NotImplementedError(f"{type(self).__name__} must check something")

    def _keep(self, context: Context, reason: str) -> None:
        try:
            run = context["dag_run"]
            request = {name: value for name, value in context["params"].items() if value is not None}
            self.ledger.refused.keep(
                release_id=self.release_id(context),
                version=str(request["version"]),
                run_id=run.run_id,
                actor=getattr(run, "triggering_user_name", None) or "unknown",
                request=request,
                task=self.task_id,
                reason=reason,
            )
        except Exception:
            # The refusal stands; the verdict names the task that has it in its log.
            self.log.exception("The refusal is not in the ledger")


class PreflightOperator(RefusingOperator):
    """Base of the operators that work on a validated request, before the release is open.

    :param validated: the XCom of :class:`~slipway.operators.preflight.ValidateRequestOperator`. (templated)
    """

    template_fields: Sequence[str] = ("validated",)

    def __init__(self, *, validated: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validated = validated

    def request(self) -> ValidatedRequest:
        """Return the plan of the release, and the policy that it is judged by."""
        return ValidatedRequest.from_xcom(self.validated)


class EnvironmentOperator(ReleaseOperator):
    """Base of the operators that work on one environment of the release.

    :param environment: ``staging`` or ``production``.
    """

    def __init__(self, *, environment: EnvironmentName, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.environment = environment

    def absent(self, release: Release) -> str | None:
        """Say why nothing is done in the environment."""
        return absent_from(release, self.environment)


def release_or_skip(task: ReleaseOperator, context: Context) -> Release:
    """Read the release of a run, for a task that has nothing to do without one.

    :param task: the task.
    :param context: Airflow's context of it.
    :raises AirflowSkipException: when the run opened none.
    """
    try:
        return task.release(context)
    except ReleaseUnknown as error:
        raise AirflowSkipException(str(error)) from error


def absent_from(release: Release, environment: EnvironmentName) -> str | None:
    """Say why a release does nothing in an environment; None when it works there.

    :param release: the release.
    :param environment: ``staging`` or ``production``.
    """
    policy = release.policy
    if environment == "staging" and release.plan.follows is not None:
        return (
            f"not done again for {policy.region}: the evidence of release {release.plan.follows} is inherited"
        )
    return None if environment in policy.environments else f"the policy has no {environment} (environments)"
