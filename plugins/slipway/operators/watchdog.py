"""The operator that ends what lost its run, and sees what came after a release's end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from slipway.exceptions import SlipwayError
from slipway.ledger.entries import ReleaseLost
from slipway.ledger.plan import RELEASE_DAG
from slipway.notifiers.team import notify_again
from slipway.operators.after_end import AfterEndOperator
from slipway.operators.closing import outcome_event
from slipway.release.rollback.traffic import restore_stable_traffic
from slipway.release.watchdog import changed_services, is_unannounced, lost_reason

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release

#: The states in which a run carries its release out.
ACTIVE = ["queued", "running"]


class CheckReleasesOperator(AfterEndOperator):
    """Look after every release that nothing else looks after.

    An open release whose run is gone or has ended, or whose lock ran out, is ended the safe way, or the team
    is notified, by its policy. Of each product's newest release that has ended, the live splits are compared
    with those that it ended with; after its rollback, what serves again is checked by the policy's metrics,
    after its promotion, what it serves: a late regression rolls back or notifies, by the policy. What the
    team did not get is sent again, and how a release ended also when nobody has tried to send it. Done again
    it does nothing and notifies nobody twice.

    :raises AirflowFailException: naming each release that could not be looked after; the next run does.
    """

    def execute(self, context: Context) -> list[str]:
        """Return what was found, a line each."""
        found, failed = [], []
        for step, release_id in self._due(context):
            try:
                found += step(context, self.ledger.release(release_id))
            except SlipwayError as error:
                failed.append(f"release {release_id}: {error}")
        for sentence in found:
            self.log.info(sentence)
        if failed:
            raise AirflowFailException("; ".join(failed))
        self.roll_back_regressed()
        return found

    def announce(self, context: Context, release: Release) -> list[str]:
        """Notify the team of an end that nobody has tried to notify it of: its task was killed just then.

        :param context: Airflow's context of the task.
        :param release: a release that has ended.
        :return: what was found, a line each.
        """
        record = self.ledger.entries(release.release_id)
        if not is_unannounced(release, record, outcome_event(record), now=datetime.now(UTC)):
            return []
        self.notify_outcome(context, release.release_id)
        return [f"release {release.release_id}: its end was not announced"]

    def _due(self, context: Context) -> Iterator[tuple[Callable[[Context, Release], list[str]], str]]:
        for found in self.ledger.listing.open_releases():
            yield partial(notify_again, self.ledger, self.record), found.release_id
            active = context["ti"].get_dr_count(RELEASE_DAG, run_ids=[found.run_id], states=ACTIVE)
            reason = lost_reason(found, run_is_active=active > 0, now=datetime.now(UTC))
            if reason is not None:
                yield partial(self._end_lost, reason=reason), found.release_id
        for release_id in self.ledger.listing.newest_ended():
            yield self._compare, release_id
            yield self.verify_health, release_id
            yield self.monitor, release_id
            yield partial(notify_again, self.ledger, self.record), release_id
            yield self.announce, release_id

    def _end_lost(self, context: Context, release: Release, *, reason: str) -> list[str]:
        lost = ReleaseLost(reason=reason, action=release.policy.watchdog.on_lost_release)
        self.record(release, lost)
        subject = f"Release {release.version} is stuck: {reason}"
        self.notify_once(context, release, "stuck", subject, lost.sentence)
        if lost.action == "roll_back":
            self.roll_back(release)
            self.notify_outcome(context, release.release_id)
        return [f"release {release.release_id}: {lost.sentence}"]

    def _compare(self, context: Context, release: Release) -> list[str]:
        record = self.ledger.entries(release.release_id)
        changed = list(changed_services(release, record, self.cloud_run))
        for change in changed:
            self.record(release, change)
            subject = f"Release {release.version} has ended, and {change.service} was changed since"
            event = f"changed-{change.service}-{change.generation}"
            self.notify_once(context, release, event, subject, change.sentence)
        if any(change.restored for change in changed):
            restored = restore_stable_traffic(release, self.cloud_run, self.ledger, self.ledger.operations)
            reason = "the release served again after its rollback"
            self.record_again(release, reason, restored)
        return [f"release {release.release_id}: {change.sentence}" for change in changed]
