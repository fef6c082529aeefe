"""Addresses in Airflow's UI and of the API, from the root of the web server."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from slipway.ledger.plan import RELEASE_DAG


@dataclass(frozen=True)
class Links:
    """Addresses as a browser must ask for them, also where Airflow is not at the root.

    :param page: path that the page is mounted under, such as ``/slipway``.
    """

    page: str

    @property
    def airflow(self) -> str:
        """Path of Airflow's own root."""
        return self.page.rpartition("/")[0]

    def dag(self, dag_id: str) -> str:
        """Return the page of a DAG.

        :param dag_id: the DAG.
        """
        return f"{self.airflow}/dags/{quote(dag_id, safe='')}"

    def run(self, run_id: str, dag_id: str = RELEASE_DAG) -> str:
        """Return the page of a run.

        :param run_id: the run.
        :param dag_id: its DAG.
        """
        return f"{self.dag(dag_id)}/runs/{quote(run_id, safe='')}"

    def group(self, run_id: str, group_id: str) -> str:
        """Return the page of a task group of a release's run.

        :param run_id: the run.
        :param group_id: the task group.
        """
        return f"{self.run(run_id)}/tasks/group/{quote(group_id, safe='')}"

    def api(self, path: str) -> str:
        """Return an address of the API.

        :param path: below ``api``.
        """
        return f"{self.page}/api/{path}"

    def report(self, release_id: str) -> str:
        """Return the report of a release, as a page.

        :param release_id: the release.
        """
        return f"{self.page}/releases/{release_id}/report.html"

    def drawing(self, release_id: str, phase: str, number: int) -> str:
        """Return the drawing of a bake's evidence.

        :param release_id: the release.
        :param phase: the phase.
        :param number: round of its bake.
        """
        return self.api(f"releases/{release_id}/evidence/{phase}/{number}.svg")
