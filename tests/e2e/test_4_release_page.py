"""The Release page and its API, asked of the real API server: the list, both releases, their runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import pytest

from sandbox.demo import story
from sandbox.demo.airflow_client import AirflowClient
from sandbox.demo.display import ProgressThen
from sandbox.supervisor.settings import Settings
from tests.browser import assert_accessible, assert_no_sideways_scrolling, words
from tests.e2e.windows import Watched, Windows

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def address(report: story.ReleaseReport) -> str:
    """Return the address of a release's page."""
    return f"/slipway/releases/{report.plan['release_id']}"


def api(report: story.ReleaseReport) -> str:
    """Return where the JSON of a release is."""
    return f"/slipway/api/releases/{report.plan['release_id']}"


def test_airflow_has_the_plugin_and_its_views(airflow: AirflowClient) -> None:
    assert airflow.get("/plugins/importErrors")["import_errors"] == []
    (plugin,) = [found for found in airflow.get("/plugins")["plugins"] if found["name"] == "slipway"]
    assert [view["destination"] for view in plugin["external_views"]] == ["nav", "dag_run"]


def test_nobody_sees_anything_without_signing_in(airflow: AirflowClient, good: story.ReleaseReport) -> None:
    for path in ("/slipway/releases", address(good), api(good), "/slipway/static/page.css"):
        refused = httpx.get(f"{airflow.url}{path}", trust_env=False)
        assert refused.status_code == 401, path
        assert good.version not in refused.text


def test_the_list_has_both_releases_the_newest_first(
    airflow: AirflowClient, good: story.ReleaseReport, bad: story.ReleaseReport
) -> None:
    listed = {line["id"]: line for line in airflow.page("/slipway/api/releases").json()["releases"]}
    order = [report.plan["release_id"] for report in (bad, good)]
    assert [found for found in listed if found in order] == order
    assert [listed[found]["state"] for found in order] == ["rolled_back", "promoted"]
    assert str(bad.reason) in listed[order[0]]["summary"]


def test_the_evidence_and_the_ledger_open_below(windows: Windows, bad: story.ReleaseReport) -> None:
    page = windows.open("admin", address(bad))
    page.locator("#ledger > summary").click()
    page.get_by_text("The chain holds").wait_for()
    page.locator("#evidence > summary").click()
    page.locator("#evidence evidence-chart canvas").first.wait_for()


def test_a_release_is_watched_from_its_request_to_all_of_the_traffic(
    good: story.ReleaseReport, watching_good: Watched
) -> None:
    assert good.plan["release_id"] not in watching_good.page.url, (
        "opened before the release, never loaded again"
    )
    for share in (f"{percent} % {good.version} (new)" for percent in (10, 50, 100)):
        assert any(share in shown for shown in watching_good.seen), share
    watching_good.page.locator("h1 .badge").get_by_text("Promoted").wait_for()
    assert_presentable(watching_good.page)


def test_a_bad_version_is_rolled_back_before_ones_eyes(
    bad: story.ReleaseReport, good: story.ReleaseReport, watching_bad: Watched
) -> None:
    assert any(f"10 % {bad.version} (new)" in shown for shown in watching_bad.seen)
    page = watching_bad.page
    page.locator("h1 .badge").get_by_text("Rolled back").wait_for()
    assert f"100 % {good.version}" in words(page)
    reason = str(bad.reason)
    assert reason[0].upper() + reason[1:] in words(page)
    assert_presentable(page)


def assert_presentable(page: Page) -> None:
    """Hold a page to its width and to axe's rules, at a desk and on a phone."""
    for width, height in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        assert_no_sideways_scrolling(page)
        assert_accessible(page)


def test_the_drawing_of_each_bake_is_kept(
    airflow: AirflowClient, good: story.ReleaseReport, bad: story.ReleaseReport
) -> None:
    for report, drawings in ((good, 3), (bad, 1)):
        bakes = airflow.page(f"{api(report)}/evidence").json()["bakes"]
        assert len(bakes) == drawings
        drawn = airflow.page(bakes[0]["drawing_url"])
        shown = " ".join(element.text or "" for element in ElementTree.fromstring(drawn.text).iter())
        assert f"Release {report.version}, phase canary: {bakes[0]['verdict']}" in shown


def test_a_run_has_its_release_and_a_run_of_another_dag_none(
    airflow: AirflowClient, bad: story.ReleaseReport, rolling_up: ProgressThen
) -> None:
    def of(dag: str, run: str) -> Any:
        return airflow.page(f"/slipway/api/runs/{dag}/{quote(run, safe='')}").json()

    assert of("release", bad.plan["run_id"])["release"] == bad.plan["release_id"]
    other = of("kpi_rollup", str(rolling_up.run_id))
    assert other["release"] is None
    assert "releases nothing" in other["detail"]


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
    for report in (good, bad):
        found = airflow.page(f"{api(report)}/business").json()
        assert (found["as_of"], found["since_version"]) == (str(datetime.now(UTC).date()), good.version)
        shown = {target["title"]: target["status"].replace("_", " ") for target in found["targets"]}
        assert {target.title: target.status for target in targets}.items() <= shown.items()
