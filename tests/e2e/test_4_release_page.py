"""The Release page, asked of the real API server: the list, both releases, and the tab of their runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from xml.etree import ElementTree

import httpx
import pytest

from sandbox.demo import story
from sandbox.demo.airflow_client import AirflowClient
from sandbox.demo.display import ProgressThen
from sandbox.supervisor.settings import Settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def words(page: httpx.Response) -> str:
    """Return what a page that was found says to a reader."""
    assert page.status_code == 200, page.text
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.text)))


def address(report: story.ReleaseReport) -> str:
    """Return the address of a release's page."""
    return f"/slipway/releases/{report.plan['release_id']}"


def test_airflow_has_the_plugin_and_its_views(airflow: AirflowClient) -> None:
    assert airflow.get("/plugins/importErrors")["import_errors"] == []
    (plugin,) = [found for found in airflow.get("/plugins")["plugins"] if found["name"] == "slipway"]
    assert [view["destination"] for view in plugin["external_views"]] == ["nav", "dag_run"]


def test_nobody_sees_anything_without_signing_in(airflow: AirflowClient, good: story.ReleaseReport) -> None:
    for path in ("/slipway/releases", address(good), f"{address(good)}/ledger.json", "/slipway/page.css"):
        refused = httpx.get(f"{airflow.url}{path}", trust_env=False)
        assert refused.status_code == 401, path
        assert good.version not in refused.text


def test_the_list_has_both_releases_the_newest_first(
    airflow: AirflowClient, good: story.ReleaseReport, bad: story.ReleaseReport
) -> None:
    said = words(airflow.page("/slipway/releases"))
    assert "promoted every phase was promoted" in said
    assert bad.reason is not None
    assert f"rolled back {' '.join(bad.reason.split())}" in said
    assert said.index(f" {bad.version} us-central1 rolled back") < said.index(
        f" {good.version} us-central1 promoted"
    )


def test_the_page_of_each_release_tells_its_verdict_and_shows_its_evidence(
    airflow: AirflowClient, good: story.ReleaseReport, bad: story.ReleaseReport
) -> None:
    for report, outcome, drawings in ((good, "promoted", 3), (bad, "rolled back", 1)):
        page = airflow.page(address(report))
        said = words(page)
        assert f"release {report.version}: {outcome}: {' '.join(str(report.reason).split())}" in said
        for gate in report.gates:
            assert f"{gate.phase} {gate.verdict}" in said
        assert "The chain holds" in said
        for split in (step.split for step in report.steps if report.revision in step.split):
            assert f"{report.revision} {split[report.revision]} %" in said
        found = re.findall(r'<img [^>]*src="([^"]+)"', page.text)
        assert len(found) == drawings
        drawn = airflow.page(unescape(found[0]))
        assert drawn.headers["Content-Type"] == "image/svg+xml"
        shown = " ".join(element.text or "" for element in ElementTree.fromstring(drawn.text).iter())
        assert (
            f"Release {report.version}, phase canary: {report.gates[-1 if report is bad else 2].verdict}"
            in shown
        )


def test_the_tab_of_a_run_shows_its_release_and_says_so_where_there_is_none(
    airflow: AirflowClient, bad: story.ReleaseReport, rolling_up: ProgressThen
) -> None:
    (tab,) = [
        view["href"]
        for plugin in airflow.get("/plugins")["plugins"]
        for view in plugin["external_views"]
        if plugin["name"] == "slipway" and view["destination"] == "dag_run"
    ]

    def of(dag: str, run: str) -> str:
        quoted = str(httpx.QueryParams({"": run})).removeprefix("=")
        return words(airflow.page(tab.replace("{DAG_ID}", dag).replace("{RUN_ID}", quoted)))

    assert of("release", bad.plan["run_id"]) == words(airflow.page(address(bad)))
    assert "releases nothing" in of("kpi_rollup", str(rolling_up.run_id))


def test_the_targets_are_those_of_today_once_today_has_been_rolled_up(
    airflow: AirflowClient,
    settings: Settings,
    good: story.ReleaseReport,
    bad: story.ReleaseReport,
    rolling_up: ProgressThen,
) -> None:
    assert rolling_up.run_id is not None
    _, _, targets = story.read_kpis(airflow, settings, rolling_up.run_id)
    assert targets
    said = words(airflow.page(address(good)))
    assert (
        f"As of {datetime.now(UTC).date()} , the newest reviewed day. They are dated from this release"
        in said
    )
    for target in targets:
        assert f"{target.title} {target.status.replace('insufficient data', 'not enough data')}" in said
    assert f"dated from release {good.version}" in words(airflow.page(address(bad)))
