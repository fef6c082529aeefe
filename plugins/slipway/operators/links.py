"""The buttons of a task: where to look on."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from slipway.ledger.links import release_link, report_link

if TYPE_CHECKING:
    from slipway.ledger.ledger import Release

GRAFANA_VARIABLE = "SLIPWAY_GRAFANA"
#: Dashboard that shows a release, ``include/monitoring/grafana/dashboards/technical-performance.json``.
_DASHBOARD = "slipway-technical"
_CONSOLE = "https://console.cloud.google.com/run/detail"
_MARGIN = timedelta(minutes=5)


class ReleasePageLink(BaseOperatorLink):
    """The Release page of the run's release."""

    name = "Release page"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return its address; none for a run that opened no release."""
        release = _release(operator, ti_key.run_id)
        return "" if release is None else release_link(release.run_id)


class CloudRunConsoleLink(BaseOperatorLink):
    """The progressive service in Google's console."""

    name = "Cloud Run console"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address of its revisions; none for a run that opened no release."""
        release = _release(operator, ti_key.run_id)
        if release is None:
            return ""
        project = release.policy.environments["production"].project_id
        service = release.plan.progressive.names["production"]
        return f"{_CONSOLE}/{release.policy.region}/{quote(service)}/revisions?project={quote(project)}"


class GrafanaLink(BaseOperatorLink):
    """The dashboard of the technical performance while the task ran.

    ``SLIPWAY_GRAFANA`` in the environment is Grafana's address; without it there is no link.
    """

    name = "Grafana"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return its address, from five minutes before the task until five after now."""
        address = os.environ.get(GRAFANA_VARIABLE, "").rstrip("/")
        if not address:
            return ""
        now = datetime.now(UTC)
        began = getattr(ti_key, "start_date", None) or now
        first, last = (round(at.timestamp() * 1000) for at in (began - _MARGIN, now + _MARGIN))
        return f"{address}/d/{_DASHBOARD}?from={first}&to={last}"


class ReportLink(BaseOperatorLink):
    """The report of a release that has ended."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return its address; none before the end of the release."""
        release = _release(operator, ti_key.run_id)
        return "" if release is None or release.outcome is None else report_link(release.release_id)


LINKS = (ReleasePageLink(), CloudRunConsoleLink(), GrafanaLink(), ReportLink())


def _release(operator: Any, run_id: str) -> Release | None:
    """Return the release of a run, read once for all links of a task."""
    if "_linked_release" not in operator.__dict__:
        found = operator.ledger.listing.release_of_run(run_id)
        operator.__dict__["_linked_release"] = None if found is None else operator.ledger.release(found)
    release: Release | None = operator.__dict__["_linked_release"]
    return release
