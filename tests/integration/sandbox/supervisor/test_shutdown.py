"""What a shutdown ends, and what it must not touch."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from sandbox.supervisor import credentials, shutdown
from sandbox.supervisor.processes import Program, launch
from sandbox.supervisor.settings import Settings

pytestmark = pytest.mark.sandbox

WAIT_SECONDS = 60.0


def start(settings: Settings, code: str) -> subprocess.Popen[bytes]:
    """Start Python code as a process of the sandbox."""
    program = Program("odd", [sys.executable, "-c", code], ready=lambda: True, bound=1.0)
    return launch(program, settings)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_process_that_ignores_the_polite_request_is_killed(own: Settings, tmp_path: Path) -> None:
    credentials.create(own)
    marker = tmp_path / "ignoring"
    process = start(
        own,
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(marker)!r}).touch(); time.sleep(60)",
    )
    wait_for(marker.exists)
    assert shutdown.down(own) == 1
    assert process.poll() is not None
    assert not own.home.exists()


def test_child_without_the_environment_is_ended_with_its_parent(own: Settings, tmp_path: Path) -> None:
    credentials.create(own)
    file = tmp_path / "pid"
    parent = start(
        own,
        "import subprocess, time, pathlib; "
        "child = subprocess.Popen(['sleep', '60'], env={}, start_new_session=True); "
        f"pathlib.Path({str(file)!r}).write_text(str(child.pid)); time.sleep(60)",
    )
    wait_for(lambda: file.exists() and file.read_text() != "")
    child = psutil.Process(int(file.read_text()))
    shutdown.down(own)
    parent.wait(1)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_command_of_a_shell_that_exported_the_home_is_left_alone(own: Settings) -> None:
    credentials.create(own)
    exported = {**os.environ, "SLIPWAY_HOME": str(own.home)}
    bystander = subprocess.Popen(["sleep", "60"], env=exported)
    try:
        assert shutdown.down(own) == 0
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait(5)


def test_process_of_another_sandbox_is_left_alone(own: Settings, tmp_path: Path) -> None:
    credentials.create(own)
    other = Settings(home=tmp_path / "other", port_base=own.port_base)
    process = start(other, "import time; time.sleep(60)")
    try:
        shutdown.down(own)
        assert process.poll() is None
    finally:
        shutdown.stop(other)
    assert process.poll() is not None


def test_part_that_was_started_by_hand_belongs_to_the_sandbox(own: Settings) -> None:
    credentials.create(own)
    by_hand = {**os.environ, "SLIPWAY_HOME": str(own.home), "SLIPWAY_PORT_BASE": str(own.port_base)}
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.databases.clickhouse"],
        env=by_hand,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: [member.pid for member in shutdown.members(own)] == [process.pid])
    assert shutdown.stop(own) == 1
    process.wait(1)
