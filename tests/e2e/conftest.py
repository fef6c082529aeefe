"""One sandbox with a real Airflow, started once and shared by every end-to-end test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import psutil
import pytest
from rich.console import Console

from sandbox.demo import story
from sandbox.demo.airflow_client import AirflowClient, RunState
from sandbox.demo.display import Progress
from sandbox.demo.memory import MemoryWatch
from sandbox.settings import HOST, Settings
from tests.own_sandbox import sandbox_command, unused_sandbox

UP_SECONDS = 300
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
            client.wait_for_dags(story.DAGS, bound=60)
            yield client
    finally:
        down = sandbox_command(settings, "sandbox", "down", seconds=DOWN_SECONDS)
    assert down.returncode == 0, down.stdout + down.stderr
    assert not settings.home.exists()
    assert not _listening(settings), "something still listens"


class Intruder(Progress):
    """Asks for a second release of the same services as soon as the first one is open."""

    def __init__(self, client: AirflowClient, settings: Settings) -> None:
        super().__init__(Console(), settings, service=story.SERVICE)
        self._client = client
        self.run_id: str | None = None

    def show(self, state: RunState) -> None:
        """Start the second release when its time has come."""
        super().show(state)
        if self.run_id is None and state.tasks.get("preflight.open_release") == "success":
            self.run_id = self._client.start("release", conf={"version": story.BAD_VERSION})


@pytest.fixture(scope="session")
def intruder(airflow: AirflowClient, settings: Settings) -> Intruder:
    """Who disturbs the release of the good version."""
    return Intruder(airflow, settings)


@pytest.fixture(scope="session")
def good(airflow: AirflowClient, settings: Settings, intruder: Intruder) -> story.ReleaseReport:
    """The release of the good version, with a second release asked for meanwhile."""
    return story.release(airflow, settings, story.GOOD_VERSION, intruder)


@pytest.fixture(scope="session")
def rollup(airflow: AirflowClient, settings: Settings, good: story.ReleaseReport) -> str:
    """The run of today's KPI rollup, started when the good version is out."""
    return story.roll_up_today(airflow, settings)


@pytest.fixture(scope="session")
def bad(airflow: AirflowClient, settings: Settings, rollup: str) -> story.ReleaseReport:
    """The release of the bad version, after the good one."""
    progress = Progress(Console(), settings, service=story.SERVICE)
    return story.release(airflow, settings, story.BAD_VERSION, progress)


def _listening(settings: Settings) -> Mapping[int, int | None]:
    ports = range(settings.port_base, settings.port_base + 300)
    return {
        connection.laddr.port: connection.pid
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr.port in ports
        and connection.laddr.ip == HOST
    }
