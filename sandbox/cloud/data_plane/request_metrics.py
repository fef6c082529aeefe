"""Cloud Run's request metrics, under the names and labels that Cloud Monitoring's PromQL gives them.

A request that reaches no instance is in no metric of Cloud Run ("Google Cloud metrics", run: excludes
requests that do not reach an instance). It is in the request log, and so in a metric that counts its entries.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.cloud.data_plane.request_log import SWITCHED, TURNED_AWAY, LoggedRequest
from sandbox.cloud.run.names import ServiceName, short

EDGES_MS = (5, 10, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10000)
COUNT = "run_googleapis_com:request_count"
LOGGED = "logging_googleapis_com:user_slipway_requests"
LATENCIES = "run_googleapis_com:request_latencies"
# Series exist from the start, because a rate cannot see the step from no series to its first value.
_FROM_THE_START = (200, 429, 500, 502, 503)


def _zeros() -> dict[int, int]:
    return dict.fromkeys(_FROM_THE_START, 0)


@dataclass
class _Revision:
    codes: dict[int, int] = field(default_factory=_zeros)
    logged: dict[int, int] = field(default_factory=_zeros)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(EDGES_MS) + 1))
    milliseconds: int = 0


class RequestMetrics:
    """Counts every request.

    :param owner: full name of the revision that a backend of the log belongs to.
    :param service: full name of the service that a port of the log belongs to.
    """

    def __init__(self, owner: Callable[[str], str | None], service: Callable[[int], str | None]) -> None:
        self._owner = owner
        self._service = service
        self._revisions: dict[str, _Revision] = {}

    def announce(self, revision: str) -> None:
        """Let the series of a revision begin."""
        self._revisions.setdefault(revision, _Revision())

    def record(self, request: LoggedRequest) -> None:
        """Count one request.

        One that reached no revision counts for its service, with an empty revision name.
        """
        owner = self._owner(request.backend)
        if owner is None:
            service = self._service(request.port)
            if service is None:
                return
            owner = f"{service}/revisions/"
        counted = self._revisions.setdefault(owner, _Revision())
        counted.logged[request.status] = counted.logged.get(request.status, 0) + 1
        if not request.reached and request.status == TURNED_AWAY:
            return
        counted.codes[request.status] = counted.codes.get(request.status, 0) + 1
        if request.status != SWITCHED:
            counted.buckets[bisect_left(EDGES_MS, request.milliseconds)] += 1
            counted.milliseconds += request.milliseconds

    def exposition(self) -> Iterator[str]:
        """Lines of the Prometheus text format."""
        yield f"# HELP {COUNT} Number of requests reaching the revision."
        yield f"# TYPE {COUNT} counter"
        for revision, counted in self._revisions.items():
            for code, count in sorted(counted.codes.items()):
                labels = labels_text(
                    revision, response_code=str(code), response_code_class=f"{code // 100}xx"
                )
                yield f"{COUNT}{labels} {count}"
        yield f"# HELP {LOGGED} Entries of the request log, by the status of the answer."
        yield f"# TYPE {LOGGED} counter"
        for revision, counted in self._revisions.items():
            for code, count in sorted(counted.logged.items()):
                yield f"{LOGGED}{labels_text(revision, status=str(code))} {count}"
        yield f"# HELP {LATENCIES} Distribution of request latency in milliseconds reaching the revision."
        yield f"# TYPE {LATENCIES} histogram"
        for revision, counted in self._revisions.items():
            total = 0
            for edge, count in zip((*map(str, EDGES_MS), "+Inf"), counted.buckets, strict=True):
                total += count
                yield f"{LATENCIES}_bucket{labels_text(revision, le=edge)} {total}"
            yield f"{LATENCIES}_sum{labels_text(revision)} {counted.milliseconds}"
            yield f"{LATENCIES}_count{labels_text(revision)} {total}"


def revision_labels(revision: str) -> dict[str, str]:
    """Labels that say which revision a series is about.

    :param revision: full name; the service's alone has an empty last part.
    """
    name = ServiceName.parse(revision)
    return {
        "project_id": name.project,
        "location": name.location,
        "service_name": name.service,
        "revision_name": short(revision),
    }


def labels_text(revision: str, **more: str) -> str:
    """Return the labels of a platform metric as they stand behind its name, followed by further ones.

    :param revision: full name of the revision.
    """
    labels: Mapping[str, str] = {
        "monitored_resource": "cloud_run_revision",
        **revision_labels(revision),
        **more,
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
