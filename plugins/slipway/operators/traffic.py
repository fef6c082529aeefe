"""Operators that move traffic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from slipway.analysis.verdict import Verdict
from slipway.ledger.entries import StagingServed
from slipway.operators.cloud_run import ServicesOperator, Wait
from slipway.policy.release import PhaseName
from slipway.release.shift import Shift
from slipway.triggers.cloud_run import TrafficSettledTrigger

SETTLE_PAUSE_SECONDS = 5

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release
    from slipway.ledger.plan import PlannedService


class ServeStagingOperator(ServicesOperator):
    """Give staging's traffic to the new revisions.

    One task for all services: the test suites ask them together, at the URLs of one entry of the record.
    """

    def execute(self, context: Context) -> dict[str, str]:
        """Return the URL of every service in staging; defer when that takes longer than a worker waits."""
        return self._serve_all(self.release(context), last=False)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, str]:
        """Do it once more: traffic that has moved is not moved again.

        :param context: Airflow's context of the task.
        :param event: the trigger's event.
        :raises CloudRunTimeout: when a split still does not show.
        """
        self.log.info("Traffic of staging: %s", event)
        return self._serve_all(self.release(context), last=True)

    def _serve_all(self, release: Release, *, last: bool) -> dict[str, str]:
        wait = Wait(
            TrafficSettledTrigger,
            lambda service: {"split": {service.revisions["staging"]: 100}},
            "staging",
            release.policy.traffic_timeout_seconds,
        )
        urls = self.for_each(release, self.chosen(release), partial(self._serve, release), wait, last=last)
        self.record(release, StagingServed(urls=urls))
        return urls

    def _serve(self, release: Release, key: str, service: PlannedService, seconds: float) -> str:
        address = self.address(release, service, "staging")
        self.cloud_run.set_traffic(
            address,
            split={service.revisions["staging"]: 100},
            operation=self.ledger.operations.of(release.release_id, StagingServed, service=key),
            timeout=seconds,
        )
        return self.cloud_run.get_service(address).uri


class ShiftTrafficOperator(ServicesOperator):
    """Give the new revisions a phase's share of production traffic.

    The service that moves step by step is one task and not mapped: its share is one decision, on one
    evidence. The supporting services follow it, each on its own. A split that is accepted but not served yet
    is checked again in another worker, until its time to settle is over.

    :param phase: ``canary``, ``half`` or ``full``.
    :param progressive: True for the service that moves step by step, False for the supporting ones.
    :raises AirflowSkipException: when none of the services to work on moves with this task.
    :raises TrafficDrift: when somebody else changed a service.
    :raises AirflowFailException: when requests show that another split is served than the one asked for.
    """

    def __init__(self, *, phase: PhaseName, progressive: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase
        self.progressive = progressive

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the split per service before and after; defer when that takes longer than a worker waits."""
        return self._shift_all(self.release(context), {}, last=False)

    def execute_complete(
        self, context: Context, event: Any, earlier: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        """Do it once more: traffic that has moved is not moved again, only verified and put on record.

        :param context: Airflow's context of the task.
        :param event: the trigger's.
        :param earlier: by service the split ``before``, and ``until`` when requests may show another one.
        :return: the split per service before and after.
        :raises CloudRunTimeout: when the split still does not show.
        """
        self.log.info("Traffic of the phase %s: %s", self.phase, event)
        return self._shift_all(self.release(context), earlier, last=True)

    def _shift_all(
        self, release: Release, earlier: dict[str, dict[str, Any]], *, last: bool
    ) -> dict[str, Any]:
        moving = {k: s for k, s in self.chosen(release).items() if s.progressive is self.progressive}
        if not moving:
            raise AirflowSkipException(f"{self.service or 'every service'} moves in another task")
        wait = Wait(
            TrafficSettledTrigger,
            lambda service: {"split": Shift(release, self.phase, "", service).split},
            "production",
            release.policy.traffic_timeout_seconds,
        )
        step = partial(self._shift, release, earlier)
        shifted = self.for_each(release, moving, step, wait, last=last, earlier=earlier)
        return {moving[key].names["production"]: change for key, change in shifted.items()}

    def _shift(
        self,
        release: Release,
        earlier: dict[str, dict[str, Any]],
        key: str,
        service: PlannedService,
        seconds: float,
    ) -> dict[str, Any]:
        shift = Shift(release, self.phase, key, service)
        done = shift.move(
            self.untouched(release, service, goal=shift.split),
            earlier.setdefault(shift.name, {}),
            hook=self.cloud_run,
            lease=self.lease(release),
            operations=self.ledger.operations,
            seconds=seconds,
        )
        if done.settling:
            self.log.info("The triggerer goes on waiting: %s", done.verified)
            pause = DateTimeTrigger(datetime.now(UTC) + timedelta(seconds=SETTLE_PAUSE_SECONDS))
            self.defer(trigger=pause, method_name="execute_complete", kwargs={"earlier": earlier})
        self.record(release, done.shifted)
        if done.verified is not None:
            self.record(release, done.verified)
            if done.verified.verdict is not Verdict.PROMOTE:
                raise AirflowFailException(f"service {shift.name}: {done.verified.reason}")
        return done.shifted.changes[shift.name].model_dump(include={"before", "after", "percent"})
