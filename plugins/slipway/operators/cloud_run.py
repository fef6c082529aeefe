"""The bases of the operators that change Cloud Run: a short wait in the worker, the rest in the triggerer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from slipway.exceptions import CloudRunTimeout, TrafficDrift
from slipway.ledger.entries import DriftFound
from slipway.operators.base import ReleaseOperator
from slipway.policy.release import EnvironmentName
from slipway.release.address import service_address
from slipway.release.untouched import read_untouched
from slipway.triggers.cloud_run import CloudRunTrigger

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.address import ServiceAddress
    from slipway.ledger.ledger import Release
    from slipway.ledger.plan import PlannedService

T = TypeVar("T")
POLL_SECONDS = 2.0
_MARGIN_SECONDS = 300


@dataclass(frozen=True)
class Wait:
    """What a step waits for.

    :param trigger: waits in the triggerer.
    :param awaited: returns what is awaited of a service, as the trigger takes it.
    :param environment: ``staging`` or ``production``.
    :param seconds: bound of the wait.
    """

    trigger: type[CloudRunTrigger]
    awaited: Callable[[PlannedService], Mapping[str, Any]]
    environment: EnvironmentName
    seconds: float


class CloudRunOperator(ReleaseOperator):
    """Base of the operators that wait for Cloud Run."""

    @staticmethod
    def inline_seconds(release: Release, seconds: float) -> float:
        """Return how long a worker waits, of a wait that may take longer.

        :param release: the release of this run.
        :param seconds: bound of the whole wait.
        """
        return min(release.policy.deploy_inline_seconds, seconds)

    def defer_until(
        self,
        trigger: type[CloudRunTrigger],
        services: Sequence[Mapping[str, Any]],
        *,
        seconds: float,
        **kept: Any,
    ) -> NoReturn:
        """Go on waiting in the triggerer, then with ``execute_complete``, which gets what is ``kept``.

        :param trigger: what is waited for.
        :param services: address of each service, and what is awaited of it.
        :param seconds: bound of the wait.
        """
        self.defer(
            trigger=trigger(
                services=services,
                until=(datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
                poll_seconds=POLL_SECONDS,
                gcp_conn_id=self.gcp_conn_id,
            ),
            method_name="execute_complete",
            kwargs=kept,
            timeout=timedelta(seconds=seconds + _MARGIN_SECONDS),
        )

    def for_each(
        self,
        release: Release,
        services: Mapping[str, PlannedService],
        step: Callable[[str, PlannedService, float], T],
        wait: Wait,
        *,
        last: bool,
        **kept: Any,
    ) -> dict[str, T]:
        """Do a step for every service, then defer the wait for those whose change does not show yet.

        :param release: the release of this run.
        :param services: the services by key.
        :param step: gets the key, the service, and how long it may wait, in seconds.
        :param wait: what the step waits for.
        :param last: whether a change that does not show is an error, because it was awaited already.
        :return: what the step returned by key.
        :raises CloudRunTimeout: when it is the last try and the change of a service does not show.
        """
        done, waiting = dict[str, T](), list[dict[str, Any]]()
        seconds = self.inline_seconds(release, wait.seconds) / max(1, len(services))
        for key, service in services.items():
            try:
                done[key] = step(key, service, seconds)
            except CloudRunTimeout as error:
                if last:
                    raise
                self.log.info("The triggerer goes on waiting: %s", error)
                address = service_address(release.policy, service.names[wait.environment], wait.environment)
                waiting.append({**address.as_payload(), **wait.awaited(service)})
        if waiting:
            self.defer_until(wait.trigger, waiting, seconds=wait.seconds, **kept)
        return done


class ServicesOperator(CloudRunOperator):
    """Base of the operators that work on the release's Cloud Run services, one by one.

    Mapped over the services (``.partial(...).expand(service=...)``), each service is a task of its own: a row
    to look at, and one that fails is tried again alone.

    :param service: key of the one service to work on, for a mapped task; None for all. (templated)
    """

    template_fields = ("service",)

    def __init__(self, *, service: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.service = service

    def chosen(self, release: Release) -> dict[str, PlannedService]:
        """Return the services to work on by their keys.

        :param release: the release of this run.
        """
        services = dict(release.plan.services)
        return services if self.service is None else {self.service: services[self.service]}

    def address(
        self, release: Release, service: PlannedService, environment: EnvironmentName = "production"
    ) -> ServiceAddress:
        """Return the address of a service.

        :param release: the release of this run.
        :param service: one of its services.
        :param environment: ``staging`` or ``production``.
        """
        return service_address(release.policy, service.names[environment], environment)

    def untouched(
        self, release: Release, service: PlannedService, *, goal: Mapping[str, int]
    ) -> run_v2.Service | None:
        """Read a production service, and refuse to touch it unless it is as this release left it."""
        try:
            return read_untouched(
                release,
                service,
                goal=goal,
                hook=self.cloud_run,
                ledger=self.ledger,
                lease=self.lease(release),
            )
        except TrafficDrift as drift:
            name = service.names["production"]
            self.record(release, DriftFound(phase=self.task_id, service=name, reason=str(drift)))
            raise
