"""Alert policies (v3) and dashboards (v1) of Cloud Monitoring, served to the official client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PROJECT = "sandbox-production"
MOST_IN_A_PAGE = 1000


@dataclass(frozen=True)
class AlertPolicy:
    """An alert policy.

    :param name: what it is called.
    :param enabled: whether it watches.
    :param channels: how many notification channels it has.
    """

    name: str
    enabled: bool = True
    channels: int = 1


ALERT_POLICIES: Mapping[str, Sequence[AlertPolicy]] = {
    PROJECT: (AlertPolicy("Uptime of netra.example"), AlertPolicy("Budget of sandbox-production")),
}
DASHBOARDS: Mapping[str, Sequence[str]] = {PROJECT: ("Cloud Run", "Cloud SQL")}


class CloudMonitoring:
    """Answers the two reads that a release makes.

    :param policies: the alert policies by project.
    :param dashboards: titles of the dashboards by project.
    """

    def __init__(
        self,
        policies: Mapping[str, Sequence[AlertPolicy]] = ALERT_POLICIES,
        dashboards: Mapping[str, Sequence[str]] = DASHBOARDS,
    ) -> None:
        self._policies = policies
        self._dashboards = dashboards

    def routes(self) -> list[Route]:
        """Routes as the official client addresses them."""
        return [
            Route("/v3/projects/{project}/alertPolicies", self._served("alertPolicies", self._alerts)),
            Route("/v1/projects/{project}/dashboards", self._served("dashboards", self._shown)),
        ]

    def _alerts(self, project: str) -> list[dict[str, Any]]:
        return [
            {
                "name": f"projects/{project}/alertPolicies/{number}",
                "displayName": policy.name,
                "enabled": policy.enabled,
                "notificationChannels": [
                    f"projects/{project}/notificationChannels/{one}" for one in range(policy.channels)
                ],
            }
            for number, policy in enumerate(self._policies.get(project, ()))
        ]

    def _shown(self, project: str) -> list[dict[str, Any]]:
        return [
            {"name": f"projects/{project}/dashboards/{number}", "displayName": title}
            for number, title in enumerate(self._dashboards.get(project, ()))
        ]

    def _served(self, kind: str, found: Callable[[str], list[dict[str, Any]]]) -> Callable[..., Any]:
        async def answer(request: Request) -> Response:
            items = found(request.path_params["project"])
            begins = int(request.query_params.get("pageToken") or 0)
            most = int(request.query_params.get("pageSize") or MOST_IN_A_PAGE)
            more = {"nextPageToken": str(begins + most)} if begins + most < len(items) else {}
            return JSONResponse({kind: items[begins : begins + most], **more})

        return answer
