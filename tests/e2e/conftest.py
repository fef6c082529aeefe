"""One sandbox with a real Airflow, started once and shared by every end-to-end test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil
import pytest
from rich.console import Console

from sandbox.demo import story
from sandbox.demo.airflow_client import AirflowClient
from sandbox.demo.display import ProgressThen
from sandbox.demo.memory import MemoryWatch
from sandbox.supervisor.settings import HOST, Settings
from tests.browser import open_browser
from tests.e2e.past_days import PastDays
from tests.e2e.windows import Watched, Windows
from tests.own_sandbox import sandbox_command, unused_sandbox

if TYPE_CHECKING:
    from playwright.sync_api import Browser

UP_SECONDS = 600
DOWN_SECONDS = 120


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """The sandbox of these tests."""
    with unused_sandbox() as own:
        yield own


@pytest.fixture(scope="session")
def memory(settings: Settings) -> Iterator[MemoryWatch]:
    """The memory of all processes, watched from before they start."""
    with MemoryWatch(settings) as watch:
        yield watch


@pytest.fixture(scope="session")
def airflow(settings: Settings, memory: MemoryWatch) -> Iterator[AirflowClient]:
    """The whole sandbox with Airflow; when the tests are over, nothing of it may be left."""
    up = sandbox_command(settings, "sandbox", "up", seconds=UP_SECONDS)
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        with AirflowClient(settings) as client:
            client.wait_for_dags(story.DAGS, bound=180)
            yield client
    finally:
        down = sandbox_command(settings, "sandbox", "down", seconds=DOWN_SECONDS)
    assert down.returncode == 0, down.stdout + down.stderr
    assert not settings.home.exists()
    assert not _listening(settings), "something still listens"


@pytest.fixture(scope="session")
def intruder(airflow: AirflowClient, settings: Settings) -> ProgressThen:
    """Asks for a second release of the same services as soon as that of the good version is open."""
    return ProgressThen(
        Console(),
        settings,
        service=story.SERVICE,
        after="preflight.open_release",
        start=lambda: airflow.start("release", conf={"version": story.BAD_VERSION}),
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all of these tests, which run no event loop of their own."""
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def windows(browser: Browser, airflow: AirflowClient, settings: Settings) -> Iterator[Windows]:
    """Windows of the sandbox's users."""
    with ExitStack() as opened:
        yield Windows(browser, settings, opened)


@pytest.fixture(scope="session")
def watching_good(windows: Windows, intruder: ProgressThen) -> Watched:
    """The page of the good version's release, at a desk."""
    return Watched(windows, "viewer", intruder)


@pytest.fixture(scope="session")
def good(
    airflow: AirflowClient, settings: Settings, windows: Windows, watching_good: Watched
) -> story.ReleaseReport:
    """The release of the good version, requested in Airflow's form; a second one is requested meanwhile."""
    return story.release(
        airflow,
        settings,
        story.GOOD_VERSION,
        watching_good,
        lambda: watching_good.begin(windows.request_release("manager", story.GOOD_VERSION)),
    )


@pytest.fixture(scope="session")
def rolling_up(airflow: AirflowClient, settings: Settings) -> ProgressThen:
    """Starts today's KPI rollup during the release of the bad version."""
    return story.then_roll_up(airflow, settings, Console())


@pytest.fixture(scope="session")
def watching_bad(windows: Windows, rolling_up: ProgressThen) -> Watched:
    """The page of the bad version's release, on a phone."""
    return Watched(windows, "manager", rolling_up, width=390, height=844, theme="dark")


@pytest.fixture(scope="session")
def bad(
    airflow: AirflowClient, settings: Settings, good: story.ReleaseReport, watching_bad: Watched
) -> story.ReleaseReport:
    """The release of the bad version, after the good one."""
    return story.release(
        airflow,
        settings,
        story.BAD_VERSION,
        watching_bad,
        lambda: watching_bad.begin(airflow.start("release", conf={"version": story.BAD_VERSION})),
    )


@pytest.fixture(scope="session")
def past_days(airflow: AirflowClient, settings: Settings, bad: story.ReleaseReport) -> PastDays:
    """Two past days, whose rollups begin once the release of the bad version has ended."""
    return PastDays(airflow, settings)


def _listening(settings: Settings) -> Mapping[int, int | None]:
    ports = range(settings.port_base, settings.port_base + 300)
    return {
        connection.laddr.port: connection.pid
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr.port in ports
        and connection.laddr.ip == HOST
    }
