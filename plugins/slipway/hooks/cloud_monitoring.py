"""Cloud Monitoring hook: alert policies and dashboards of a project, read only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httplib2  # type: ignore[import-untyped]
from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from google.auth.exceptions import GoogleAuthError
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from slipway.analysis.infrastructure import AlertPolicyFacts
from slipway.exceptions import MonitoringUnreadable
from slipway.hooks.google.endpoint import GoogleEndpointMixin

_RETRIES = 4
_FAILURES = (HttpError, httplib2.HttpLib2Error, GoogleAuthError, OSError)


class CloudMonitoringHook(GoogleEndpointMixin, GoogleBaseHook):
    """Reads what Cloud Monitoring watches, and how it is shown.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.monitoring`` may name another address.
    """

    endpoint_name = "monitoring"

    def alert_policies(self, *, project_id: str) -> list[AlertPolicyFacts]:
        """List the alert policies of a project.

        :param project_id: Google Cloud project.
        :raises MonitoringUnreadable: when Cloud Monitoring refuses, or gives no usable answer.
        """
        return [
            AlertPolicyFacts(
                name=found.get("displayName", ""),
                # The API leaves a field out that is not set: a policy is enabled then.
                enabled=bool(found.get("enabled", True)),
                channels=len(found.get("notificationChannels", [])),
            )
            for found in self._list("v3", project_id, "alertPolicies")
        ]

    def dashboards(self, *, project_id: str) -> list[str]:
        """List the titles of a project's dashboards.

        :param project_id: Google Cloud project.
        :raises MonitoringUnreadable: when Cloud Monitoring refuses, or gives no usable answer.
        """
        return [found.get("displayName", "") for found in self._list("v1", project_id, "dashboards")]

    def _list(self, version: str, project_id: str, kind: str) -> Iterator[dict[str, Any]]:
        doing = f"{kind} of {project_id}: cannot be read"
        try:
            with closing(
                build(
                    "monitoring",
                    version,
                    http=self._authorize(),
                    cache_discovery=False,
                    client_options=self.get_client_options(),
                )
            ) as client:
                collection = getattr(client.projects(), kind)()
                # The one method has the project as `name`, the other as `parent`.
                key = "name" if kind == "alertPolicies" else "parent"
                request = collection.list(**{key: f"projects/{project_id}"})
                while request is not None:
                    answer = request.execute(num_retries=_RETRIES)
                    yield from answer.get(kind, [])
                    request = collection.list_next(previous_request=request, previous_response=answer)
        except _FAILURES as error:
            raise MonitoringUnreadable(f"{doing}: {error}") from error
