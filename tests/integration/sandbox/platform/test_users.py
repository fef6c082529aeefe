"""The simulated users: steady, honest about what was dropped, and quick to leave."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from sandbox.supervisor.settings import REPOSITORY
from sandbox.users.identities import user_ids
from tests.integration.sandbox.platform.dropping_proxy import DroppingProxy
from tests.integration.sandbox.platform.services import (
    Service,
    backend_environment,
    free_port,
    launch,
    start,
)
from tests.waiting import until

pytestmark = pytest.mark.sandbox
WAIT_SECONDS = 60.0
RATE = 40


@dataclass
class Users:
    """Running users and what they write."""

    process: subprocess.Popen[bytes]
    folder: Path
    page: str

    def counts(self) -> dict[str, Any]:
        """Return the counts as they were written last; nothing before the first time."""
        path = self.folder / "counts.json"
        content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return content

    def failures(self) -> list[dict[str, Any]]:
        """Return the lines of bad answers."""
        return [json.loads(line) for line in (self.folder / "failures.jsonl").read_text().splitlines()]

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the counts once they meet a condition; that takes too long fails the test."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            counts = self.counts()
            if counts and condition(counts):
                return counts
            time.sleep(0.1)
        raise AssertionError(f"never came: {self.counts()}")


@pytest.fixture
def start_users(tmp_path: Path, auth: Service, frontend: Service) -> Iterator[Callable[[str], Users]]:
    """Start the users against a backend's URL."""
    started: list[Users] = []

    def users(backend_url: str) -> Users:
        # users_port is the port base plus 7.
        base = free_port() - 7
        run = tmp_path / "home" / "run"
        run.mkdir(parents=True)
        environment = {
            "PATH": os.environ["PATH"],
            "SLIPWAY_HOME": str(tmp_path / "home"),
            "SLIPWAY_PORT_BASE": str(base),
            "SLIPWAY_USERS_RATE": str(RATE),
            "SLIPWAY_USERS_WEBSOCKET_RATE": "6",
        }
        with (tmp_path / "users.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.users"],
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        made = Users(process, run / "users", f"http://127.0.0.1:{base + 7}/")
        started.append(made)
        # They wait for the file that tells them where production is.
        endpoints = {"backend": backend_url, "auth": auth.url, "frontend": frontend.url}
        (run / "endpoints.new").write_text(json.dumps({"production": endpoints}))
        (run / "endpoints.new").rename(run / "endpoints.json")
        return made

    yield users
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait(5)


def test_dropped_requests_are_known_and_none_is_sent_again(
    start_users: Callable[[str], Users], backend: Service
) -> None:
    with DroppingProxy(backend.port) as proxy:
        users = start_users(proxy.url)
        users.until(lambda counts: counts["ok"] > 20 and counts["websocket"]["events"] > 10)
        assert httpx.get(users.page, timeout=5, trust_env=False).status_code == 200
        for number, prefix in enumerate((b"POST /v1/optimize", b"GET /v1/costs"), start=1):
            proxy.drop_next(prefix)
            counts = users.until(lambda counts: counts["dropped"] >= number)  # noqa: B023 - asked at once
            assert proxy.dropped
            assert counts["dropped"] == number
        later = users.until(lambda after: after["requests"] > counts["requests"] + RATE)
        users.process.send_signal(signal.SIGTERM)
        assert users.process.wait(WAIT_SECONDS) == 0
    last = users.counts()
    assert last["requests"] >= later["requests"]
    assert (last["dropped"], last["app_errors"]) == (2, 0)
    assert last["requests"] == last["ok"] + last["dropped"]
    assert set(last["by_revision"]) == {"revision-under-test", "auth-under-test", "frontend-under-test"}
    assert last["websocket"]["errors"] == last["websocket"]["closed_unasked"] == 0
    lines = users.failures()
    assert [(line["kind"], line["dropped"], line["revision"], line["status"]) for line in lines] == [
        ("http", True, None, None)
    ] * 2
    assert [line["url"].rpartition("/")[2] for line in lines] == ["optimize", "costs"]


def test_users_survive_a_restart_and_do_not_count_it_as_a_failure(
    start_users: Callable[[str], Users], database: str, tmp_path: Path
) -> None:
    service = start("backend", backend_environment(database), tmp_path / "first")
    users = start_users(service.url)
    try:
        users.until(lambda counts: counts["ok"] > 10 and counts["websocket"]["connects"] > 8)
        service.terminate()
        assert service.wait() == 0
        counts = users.until(lambda counts: counts["dropped"] > 5)
        # Watchers were connected: they were asked to come back, which is nobody's failure.
        assert counts["websocket"]["closed_asked"] > 0
        assert counts["websocket"]["closed_unasked"] == 0
        environment = backend_environment(database, PORT=str(service.port), K_REVISION="second")
        service = launch("backend", environment, tmp_path / "second")
        back = users.until(lambda counts: counts["by_revision"].get("second", {}).get("requests", 0) > 20)
        assert back["by_revision"]["second"]["errors"] == 0
    finally:
        service.stop()


def test_the_users_are_the_seeded_ones(database: str) -> None:
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT id FROM users").fetchall()
    assert set(user_ids()) <= {row[0] for row in rows}


def handles(process: int, number: signal.Signals) -> bool:
    """Tell whether a process has a handler for a signal."""
    (caught,) = re.findall(r"SigCgt:\s+(\w+)", Path(f"/proc/{process}/status").read_text())
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_without_endpoints_users_wait_and_stop_on_a_signal(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "SLIPWAY_HOME": str(tmp_path), "SLIPWAY_PORT_BASE": "30000"}
    process = subprocess.Popen([sys.executable, "-m", "sandbox.users"], cwd=REPOSITORY, env=environment)
    try:
        until(lambda: handles(process.pid, signal.SIGTERM), "a process that can be told to stop")
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0
    finally:
        process.kill()
        process.wait(5)
