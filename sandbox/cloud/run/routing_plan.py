"""From a service's traffic targets to the routes of the data plane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.cloud import run_v2

from sandbox.cloud.run.conditions import FAILED_PRECONDITION, INTERNAL, Failure, failed
from sandbox.cloud.run.names import ServiceName, short
from sandbox.cloud.run.validation import LATEST


class UnroutableError(Exception):
    """The traffic asked for cannot be served.

    :param failure: how the operation ends.
    :param cause: what went wrong with the revision itself, when it was that.
    """

    def __init__(self, failure: Failure, cause: Failure | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.cause = cause


@dataclass(frozen=True)
class Route:
    """One traffic target with its revision found.

    :param revision: last part of the revision's name.
    """

    target: Any
    revision: str
    percent: int
    tag: str


@dataclass(frozen=True)
class RoutingPlan:
    """What a service's traffic asks for.

    :param routes: one per traffic target, in the order given.
    :param generation: the service's generation it was made from.
    :param keeping: revisions with session affinity.
    :param open: whether its URLs answer callers from outside Google's network.
    """

    service: str
    generation: int
    routes: tuple[Route, ...]
    open: bool = True
    keeping: frozenset[str] = frozenset()

    @property
    def split(self) -> dict[str, int]:
        """Percent per revision that gets any, summed over targets."""
        split: dict[str, int] = {}
        for route in self.routes:
            if route.percent:
                split[route.revision] = split.get(route.revision, 0) + route.percent
        return split

    @property
    def tags(self) -> dict[str, str]:
        """Revision per tag."""
        return {route.tag: route.revision for route in self.routes if route.tag}

    def statuses(self, uri: Callable[[str], str]) -> list[Any]:
        """Traffic statuses as the API reports them.

        :param uri: gives the address of a tag, of the service itself for the empty tag.
        """
        return [
            run_v2.TrafficTargetStatus(
                type_=route.target.type_,
                revision=route.revision,
                percent=route.percent,
                tag=route.tag,
                uri=uri(route.tag) if route.tag else "",
            )
            for route in self.routes
        ]


def plan(service: Any, revisions: Mapping[str, Any]) -> RoutingPlan:
    """Find the revision of each traffic target.

    :param service: the service as wanted.
    :param revisions: the service's revisions by the last part of their names.
    :raises UnroutableError: a revision does not exist or did not become ready.
    """
    routes = []
    for target in service.traffic:
        name = short(service.latest_ready_revision) if target.type_ == LATEST else target.revision
        if target.type_ == LATEST and not name:
            name = short(service.latest_created_revision)
        if name not in revisions:
            message = (
                f"Revision '{name}' does not exist or is deleted. "
                "Update all traffic to route to currently available revisions."
            )
            raise UnroutableError(Failure(INTERNAL, message))
        broken = failed(revisions[name].conditions, "Ready")
        if broken is not None:
            raise UnroutableError(not_ready(name, broken.message, broken.reason))
        routes.append(Route(target, name, target.percent, target.tag))
    outside = service.ingress == run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL
    return RoutingPlan(
        str(ServiceName.parse(service.name)),
        service.generation,
        tuple(routes),
        open=outside and not service.default_uri_disabled,
        keeping=frozenset(route.revision for route in routes if revisions[route.revision].session_affinity),
    )


def not_ready(revision: str, message: str, reason: Any) -> Failure:
    """The failure of whatever needs a revision that is not ready."""
    text = f"Revision '{revision}' is not ready and cannot serve traffic. {message}"
    return Failure(FAILED_PRECONDITION, text, reason)
