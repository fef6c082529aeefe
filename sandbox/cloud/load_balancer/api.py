"""Compute Engine's backend services and serverless network endpoint groups, to be read.

Answered without the official client, whose import takes as long as that of the rest of the cloud; tests read
both with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.cloud.api_errors import NotFoundError
from sandbox.cloud.transcoding import error_response
from sandbox.supervisor.settings import LOCATION

_API = "https://www.googleapis.com/compute/v1"
_PROJECTS = "/compute/v1/projects/{project}"
PROJECT = "sandbox-production"


@dataclass(frozen=True)
class Group:
    """A network endpoint group of one region.

    :param region: its region.
    :param name: short name.
    :param service: the Cloud Run service that it leads to.
    :param tag: the tag of it, if any.
    :param kind: its endpoints' type.
    """

    region: str
    name: str
    service: str
    tag: str = ""
    kind: str = "SERVERLESS"


@dataclass(frozen=True)
class Backend:
    """A global backend service.

    :param groups: the groups behind it; a :class:`Group` that exists, or the name of one that does not.
    """

    groups: tuple[Group, ...]
    missing: tuple[tuple[str, str], ...] = ()
    scheme: str = "EXTERNAL_MANAGED"
    project: str = field(default=PROJECT)


BACKENDS: Mapping[str, Backend] = {
    f"netra-{name}": Backend((Group(LOCATION, f"netra-{name}-{LOCATION}", f"netra-{name}-prod"),))
    for name in ("backend", "auth", "frontend")
}
"""What stands before the sandbox's services; no request goes through it."""


class LoadBalancers:
    """Answers the two reads that a release makes.

    :param backends: the backend services by name.
    """

    def __init__(self, backends: Mapping[str, Backend] = BACKENDS) -> None:
        self._backends = backends

    def routes(self) -> list[Route]:
        """Routes as the official clients address them."""
        backend_services, groups = "global/backendServices", "regions/{region}/networkEndpointGroups"
        return [
            Route(f"{_PROJECTS}/{backend_services}/{{name}}", _answering(self._backend_service)),
            Route(f"{_PROJECTS}/{groups}/{{name}}", _answering(self._group)),
        ]

    def _backend_service(self, project: str, name: str) -> dict[str, Any]:
        found = self._backends.get(name)
        link = f"projects/{project}/global/backendServices/{name}"
        if found is None or found.project != project:
            raise NotFoundError(f"The resource '{link}' was not found")
        addresses = [(group.region, group.name) for group in found.groups] + list(found.missing)
        return {
            "kind": "compute#backendService",
            "name": name,
            "selfLink": f"{_API}/{link}",
            "loadBalancingScheme": found.scheme,
            "protocol": "HTTPS",
            "backends": [{"group": f"{_API}/{_group_link(project, *address)}"} for address in addresses],
        }

    def _group(self, project: str, region: str, name: str) -> dict[str, Any]:
        link = _group_link(project, region, name)
        for backend in self._backends.values():
            for group in backend.groups:
                if (backend.project, group.region, group.name) == (project, region, name):
                    return {
                        "kind": "compute#networkEndpointGroup",
                        "name": name,
                        "selfLink": f"{_API}/{link}",
                        "region": f"{_API}/projects/{project}/regions/{region}",
                        "networkEndpointType": group.kind,
                        "cloudRun": {"service": group.service} | ({"tag": group.tag} if group.tag else {}),
                    }
        raise NotFoundError(f"The resource '{link}' was not found")


def _answering(read: Callable[..., dict[str, Any]]) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def endpoint(request: Request) -> JSONResponse:
        try:
            return JSONResponse(read(**request.path_params))
        except NotFoundError as error:
            return error_response(error)

    return endpoint


def _group_link(project: str, region: str, name: str) -> str:
    return f"projects/{project}/regions/{region}/networkEndpointGroups/{name}"
