"""One sandbox with a real Airflow, started once and shared by every end-to-end test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import psutil
import pytest
from rich.console import Console

from sandbox.demo import story
from sandbox.demo.airflow_client import AirflowClient
from sandbox.demo.display import ProgressThen
from sandbox.demo.memory import MemoryWatch
from sandbox.supervisor.settings import HOST, Settings
from tests.own_sandbox import sandbox_command, unused_sandbox

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
def good(airflow: AirflowClient, settings: Settings, intruder: ProgressThen) -> story.ReleaseReport:
    """The release of the good version, with a second release asked for meanwhile."""
    return story.release(airflow, settings, story.GOOD_VERSION, intruder)


@pytest.fixture(scope="session")
def rolling_up(airflow: AirflowClient, settings: Settings) -> ProgressThen:
    """Starts today's KPI rollup during the release of the bad version."""
    return story.then_roll_up(airflow, settings, Console())


@pytest.fixture(scope="session")
def bad(
    airflow: AirflowClient, settings: Settings, good: story.ReleaseReport, rolling_up: ProgressThen
) -> story.ReleaseReport:
    """The release of the bad version, after the good one."""
    return story.release(airflow, settings, story.BAD_VERSION, rolling_up)


def _listening(settings: Settings) -> Mapping[int, int | None]:
    ports = range(settings.port_base, settings.port_base + 300)
    return {
        connection.laddr.port: connection.pid
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr.port in ports
        and connection.laddr.ip == HOST
    }
