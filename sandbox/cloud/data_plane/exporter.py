"""What Prometheus scrapes: the platform's request metrics and every instance's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.cloud.data_plane import federation
from sandbox.cloud.data_plane.federation import Target

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def application(
    platform: Sequence[Callable[[], Iterable[str]]],
    targets: Callable[[], Iterable[Target]],
    lost_log_lines: Callable[[], Awaitable[int]],
) -> Starlette:
    """The exporter's web application.

    :param platform: each gives lines of the platform's own metrics.
    :param targets: instances to collect from now.
    :param lost_log_lines: how many requests the data plane could not log.
    """

    async def scrape(_: Request) -> Response:
        instances, missing = await federation.collect(targets())
        own = [
            *(line for exposition in platform for line in exposition()),
            "# HELP slipway_request_log_lost_total Requests that the data plane could not log.",
            "# TYPE slipway_request_log_lost_total counter",
            f"slipway_request_log_lost_total {await lost_log_lines()}",
            "# HELP slipway_instances_without_metrics Instances whose metrics are missing in this answer.",
            "# TYPE slipway_instances_without_metrics gauge",
            f"slipway_instances_without_metrics {missing}",
        ]
        return Response("\n".join([*own, instances]), headers={"Content-Type": _CONTENT_TYPE})

    return Starlette(routes=[Route("/metrics", scrape)])
