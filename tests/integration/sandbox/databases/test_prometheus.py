"""The real Prometheus server of the sandbox."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from sandbox.databases import downloads, prometheus
from sandbox.databases.downloads import ServerMissingError
from sandbox.supervisor.processes import running
from sandbox.supervisor.settings import HOST, Settings
from tests.own_sandbox import unused_sandbox

pytestmark = pytest.mark.sandbox

FIRST_SAMPLE_SECONDS = 60.0


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """A sandbox with a running server, which scrapes an exporter with one gauge at 42."""
    registry = CollectorRegistry()
    Gauge("answer", "What is asked for.", ["instance"], registry=registry).labels("mine").set(42)
    with unused_sandbox() as own:
        exporter, thread = start_http_server(own.exporter_port, HOST, registry)
        with running(prometheus.program(own), own):
            yield own
        exporter.shutdown()
        exporter.server_close()
        thread.join(5)


def test_google_s_url_answers_with_the_exporter_s_samples(settings: Settings) -> None:
    deadline = time.monotonic() + FIRST_SAMPLE_SECONDS
    result: list[dict[str, object]] = []
    while not result:
        assert time.monotonic() < deadline, "no sample arrived"
        answer = httpx.get(f"{settings.prometheus_url}/api/v1/query", params={"query": "answer"})
        result = answer.raise_for_status().json()["data"]["result"]
        time.sleep(0.2)
    (series,) = result
    # The exporter's own label wins over the scrape's.
    assert series["metric"] == {"__name__": "answer", "instance": "mine", "job": "cloud_run"}
    assert series["value"][1] == "42"  # type: ignore[index]


def test_server_has_loaded_every_alert_rule(settings: Settings) -> None:
    answer = httpx.get(f"{settings.prometheus_url}/api/v1/rules", params={"type": "alert"})
    loaded = {
        rule["name"]
        for group in answer.raise_for_status().json()["data"]["groups"]
        for rule in group["rules"]
    }
    text = "".join(path.read_text() for path in prometheus.RULES.glob("*.yaml"))
    assert loaded == set(re.findall(r"- alert: (\w+)", text))
    assert "user_session_isolation_breach" in loaded


def test_server_listens_on_loopback_alone_and_not_as_root(settings: Settings) -> None:
    (found,) = [
        connection
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == settings.prometheus_port
    ]
    assert found.laddr.ip == HOST
    expected = "nobody" if os.geteuid() == 0 else psutil.Process().username()
    assert psutil.Process(found.pid).username() == expected


def test_download_works_without_the_system_s_package_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of what is on PATH, only the package tools and what they call remain.
    found = shutil.which

    def which(name: str) -> str | None:
        return None if name == "prometheus" else found(name)

    monkeypatch.setattr(shutil, "which", which)
    binary = prometheus.executable(tmp_path)
    assert binary.is_relative_to(tmp_path)
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=20)
    assert "prometheus, version" in version.stdout + version.stderr
    # The second call finds the first one's.
    written = binary.stat().st_mtime_ns
    assert prometheus.executable(tmp_path).stat().st_mtime_ns == written
    assert [entry.name for entry in tmp_path.iterdir()] == ["prometheus"]


def test_two_downloads_at_once_are_both_content_with_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Path("prometheus", "usr", "bin", "prometheus")

    def unpack(command: list[str], folder: Path, _: str) -> None:
        """Do what the commands do, a moment after another process has done it."""
        if "download" in command:
            (folder / "prometheus_2.deb").touch()
        if command[0] == "dpkg":
            for place, text in ((tmp_path, "the other's"), (folder, "own")):
                (place / kept).parent.mkdir(parents=True)
                (place / kept).write_text(text)

    monkeypatch.setattr(shutil, "which", lambda name: None if name == "prometheus" else name)
    monkeypatch.setattr(downloads, "run", unpack)
    assert prometheus.executable(tmp_path) == tmp_path / kept
    assert (tmp_path / kept).read_text() == "the other's"
    assert list(tmp_path.iterdir()) == [tmp_path / "prometheus"]


def test_a_machine_without_package_tools_gets_the_names_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerMissingError, match="nor is apt-get") as caught:
        prometheus.executable(tmp_path / "downloads")
    assert "Put a `prometheus` on PATH" in str(caught.value)


def test_a_failed_download_names_the_step_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("apt-get", "dpkg"):
        (tools / name).write_text("#!/bin/sh\necho 'no network here' >&2\nexit 100\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/bin")
    with pytest.raises(ServerMissingError, match="no network here"):
        prometheus.executable(tmp_path / "downloads")
    assert list((tmp_path / "downloads").iterdir()) == []
